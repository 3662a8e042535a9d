package relay

import (
	"context"
	"encoding/json"
	"strconv"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// Documents of WhatsApp's GraphQL side. Ids change with WhatsApp's clients;
// those of update and subscribers are whatsmeow's, the others were seen in
// other open clients.
const (
	docUpdate       = "7150902998257522"
	docSubscribers  = "9800646650009898"
	docInvite       = "9387141988078609"
	docAcceptInvite = "9580828702035549"
	docRevokeInvite = "9656078347839416"
	docChangeOwner  = "7341777602580933"
	docDemote       = "6551828931592903"
	docDelete       = "30062808666639665"
)

// channelAdminRows are for those who run a channel.
var channelAdminRows = append([]row{
	{name: "Channel.sendMessage", class: "Channel", result: "Message|null", need: needOnline, sends: true,
		params:  []param{channelFirst, {name: "content", kind: kindContent, doc: "text, MessageMedia or Poll; null is answered for anything else"}, {name: "options", kind: kindSendOptions, optional: true, doc: "as sendMessage"}},
		example: `["120363000000000000@newsletter","News!"]`, doc: "Posts to this channel and returns the message once WhatsApp has it.",
		do: func(ctx context.Context, c *call) (any, error) {
			switch what := arg[content](c, 1).(type) {
			case text, *messageMedia, *poll:
				return c.sendContent(ctx, arg[types.JID](c, 0), what, arg[sendOptions](c, 2))
			}
			return nil, nil
		}},
	{name: "Channel.getSubscribers", class: "Channel", result: "ChannelSubscriber[]", need: needOnline,
		params: []param{channelFirst, {name: "limit", kind: kindCount, optional: true, doc: "all when left out"}}, example: channelExample,
		doc: "Lists who follows this channel, for its admins.", do: getSubscribers},
	{name: "Channel.setSubject", class: "Channel", result: "boolean", need: needOnline, params: []param{channelFirst, {name: "newSubject", kind: kindTitle}},
		example: `["120363000000000000@newsletter","Our news"]`, doc: "Renames this channel; false when WhatsApp refuses.",
		do: updateChannel(func(c *call) map[string]any { return map[string]any{"name": arg[string](c, 1)} })},
	{name: "Channel.setDescription", class: "Channel", result: "boolean", need: needOnline, params: []param{channelFirst, {name: "newDescription", kind: kindDescription}},
		example: `["120363000000000000@newsletter","Once a week"]`, doc: "Describes this channel; false when WhatsApp refuses.",
		do: updateChannel(func(c *call) map[string]any { return map[string]any{"description": arg[string](c, 1)} })},
	{name: "Channel.setProfilePicture", class: "Channel", result: "boolean", need: needOnline, params: []param{channelFirst, {name: "newProfilePicture", kind: kindPicture, doc: "an image; cropped to a square of 640 pixels"}},
		example: `["120363000000000000@newsletter",` + pictureExample[1:], doc: "Sets this channel's picture; false when WhatsApp refuses it.",
		do: func(ctx context.Context, c *call) (any, error) {
			jpeg, err := c.square(ctx, arg[*messageMedia](c, 1))
			if err != nil {
				return nil, err
			}
			return updateChannel(func(*call) map[string]any { return map[string]any{"picture": b64text(jpeg)} })(ctx, c)
		}},
	{name: "Channel.setReactionSetting", class: "Channel", result: "boolean", need: needOnline, params: []param{channelFirst, {name: "reactionCode", kind: kindResponse, doc: "0 none, 1 the usual ones, 2 all"}},
		example: `["120363000000000000@newsletter",2]`, doc: "Says which reactions this channel allows; false for other codes, and when WhatsApp refuses.",
		do: func(ctx context.Context, c *call) (any, error) {
			modes := map[float64]string{0: "NONE", 1: "BASIC", 2: "ALL"}
			mode, ok := modes[arg[float64](c, 1)]
			if !ok {
				return false, nil
			}
			return updateChannel(func(*call) map[string]any {
				return map[string]any{"settings": map[string]any{"reaction_codes": map[string]any{"value": mode}}}
			})(ctx, c)
		}},
}, adminRows()...)

var kindCount = kind{"number", func(raw json.RawMessage, path string) (any, error) {
	n, err := value.Number(raw, path)
	if err == nil && (n < 1 || n > 100_000 || n != float64(int(n))) {
		err = bad(path, "expected a whole number from 1")
	}
	return int(n), err
}}

// adminRows are the methods that Client and Channel share; they differ in the
// order of their first parameters only.
func adminRows() []row {
	userParam := param{name: "userId", kind: kindUserID}
	inviteOptions := param{name: "options", kind: kindObject[inviteComment]("object", nil), optional: true, doc: "comment"}
	ownerOptions := param{name: "options", kind: kindObject[dismissal]("object", nil), optional: true, doc: "shouldDismissSelfAsAdmin"}
	const withUser = `["120363000000000000@newsletter","4915123456789@c.us"]`
	return []row{
		{name: "sendChannelAdminInvite", class: "Client", result: "boolean", need: needOnline, sends: true, params: []param{{name: "chatId", kind: kindUserID}, channelFirst, inviteOptions},
			example: `["4915123456789@c.us","120363000000000000@newsletter"]`, doc: "Invites somebody to administer a channel; false when WhatsApp refuses.",
			do: func(ctx context.Context, c *call) (any, error) {
				return c.inviteAdmin(ctx, arg[types.JID](c, 1), arg[types.JID](c, 0), arg[inviteComment](c, 2).Comment)
			}},
		{name: "Channel.sendChannelAdminInvite", class: "Channel", result: "boolean", need: needOnline, sends: true, params: []param{channelFirst, {name: "chatId", kind: kindUserID}, inviteOptions},
			example: withUser, doc: "Invites somebody to administer this channel; false when WhatsApp refuses.",
			do: func(ctx context.Context, c *call) (any, error) {
				return c.inviteAdmin(ctx, arg[types.JID](c, 0), arg[types.JID](c, 1), arg[inviteComment](c, 2).Comment)
			}},
		{name: "acceptChannelAdminInvite", class: "Client", result: "boolean", need: needOnline, params: channelOnly, example: channelExample, doc: "Becomes an admin of a channel by an invitation; false when WhatsApp refuses.", do: mutate(docAcceptInvite)},
		{name: "Channel.acceptChannelAdminInvite", class: "Channel", result: "boolean", need: needOnline, params: channelOnly, example: channelExample, doc: "Becomes an admin of this channel by an invitation; false when WhatsApp refuses.", do: mutate(docAcceptInvite)},
		{name: "revokeChannelAdminInvite", class: "Client", result: "boolean", need: needOnline, params: []param{channelFirst, userParam}, example: withUser, doc: "Takes back an invitation to administer a channel; false when WhatsApp refuses.", do: mutate(docRevokeInvite)},
		{name: "Channel.revokeChannelAdminInvite", class: "Channel", result: "boolean", need: needOnline, params: []param{channelFirst, userParam}, example: withUser, doc: "Takes back an invitation to administer this channel; false when WhatsApp refuses.", do: mutate(docRevokeInvite)},
		{name: "demoteChannelAdmin", class: "Client", result: "boolean", need: needOnline, params: []param{channelFirst, userParam}, example: withUser, doc: "Makes an admin of a channel a follower again; false when WhatsApp refuses.", do: mutate(docDemote)},
		{name: "Channel.demoteChannelAdmin", class: "Channel", result: "boolean", need: needOnline, params: []param{channelFirst, userParam}, example: withUser, doc: "Makes an admin of this channel a follower again; false when WhatsApp refuses.", do: mutate(docDemote)},
		{name: "transferChannelOwnership", class: "Client", result: "boolean", need: needOnline, params: []param{channelFirst, {name: "newOwnerId", kind: kindUserID}, ownerOptions}, example: withUser, doc: "Gives a channel to one of its admins; false when WhatsApp refuses.", do: transfer},
		{name: "Channel.transferChannelOwnership", class: "Channel", result: "boolean", need: needOnline, params: []param{channelFirst, {name: "newOwnerId", kind: kindUserID}, ownerOptions}, example: withUser, doc: "Gives this channel to one of its admins; false when WhatsApp refuses.", do: transfer},
		{name: "deleteChannel", class: "Client", result: "boolean", need: needOnline, params: channelOnly, example: channelExample, doc: "Deletes a channel that the account owns; false when WhatsApp refuses.", do: mutate(docDelete)},
		{name: "Channel.deleteChannel", class: "Channel", result: "boolean", need: needOnline, params: channelOnly, example: channelExample, doc: "Deletes this channel, which the account owns; false when WhatsApp refuses.", do: mutate(docDelete)},
	}
}

type inviteComment struct {
	Comment string `json:"comment"`
}

type dismissal struct {
	Dismiss bool `json:"shouldDismissSelfAsAdmin"`
}

// mutate sends a document with the channel and, if there is one, the person.
func mutate(document string) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		variables := map[string]any{"newsletter_id": arg[types.JID](c, 0).String()}
		if len(c.args) > 1 {
			user, err := c.hidden(ctx, arg[types.JID](c, 1))
			if err != nil {
				return nil, err
			}
			variables["user_id"] = user.String()
		}
		_, err := c.mex(ctx, document, variables)
		return agreed(err)
	}
}

// agreed turns a refusal of the GraphQL side into false.
func agreed(err error) (any, error) {
	if refusedByServer(err) {
		return false, nil
	}
	return err == nil, err
}

func updateChannel(updates func(*call) map[string]any) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		_, err := c.mex(ctx, docUpdate, map[string]any{"newsletter_id": arg[types.JID](c, 0).String(), "updates": updates(c)})
		return agreed(err)
	}
}

// channelSubscriber is whatsapp-web.js' ChannelSubscriber.
type channelSubscriber struct {
	Contact shape.Contact `json:"contact"`
	Role    string        `json:"role"`
}

func getSubscribers(ctx context.Context, c *call) (any, error) {
	input := map[string]any{"newsletter_id": arg[types.JID](c, 0).String()}
	if limit := arg[int](c, 1); limit > 0 {
		input["count"] = limit
	}
	data, err := c.mex(ctx, docSubscribers, map[string]any{"input": input})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Of struct {
			Subscribers struct {
				Edges []struct {
					Node struct {
						ID string `json:"id"`
						PN string `json:"pn"`
					} `json:"node"`
					Role types.NewsletterRole `json:"role"`
				} `json:"edges"`
			} `json:"subscribers"`
		} `json:"xwa2_newsletter_subscribers"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fault.Wrap(fault.Refused, op, err, "WhatsApp answered something unexpected")
	}
	list := []channelSubscriber{}
	for _, edge := range answer.Of.Subscribers.Edges {
		jid, err := value.ParseJID(edge.Node.ID)
		if edge.Node.PN != "" {
			jid, err = value.ParseJID(edge.Node.PN)
		}
		if err != nil {
			continue // somebody whom WhatsApp names in a way of its own
		}
		contact, err := c.Mirror.Contact(ctx, shape.ID(jid))
		if err != nil {
			return nil, err
		}
		list = append(list, channelSubscriber{Contact: contact, Role: string(edge.Role)})
	}
	return list, nil
}

// inviteAdmin makes an invitation and sends it to whom it is for.
func (c *call) inviteAdmin(ctx context.Context, channel, whom types.JID, comment string) (any, error) {
	user, err := c.hidden(ctx, whom)
	if err != nil {
		return nil, err
	}
	data, err := c.mex(ctx, docInvite, map[string]any{"newsletter_id": channel.String(), "user_id": user.String()})
	if err != nil {
		return agreed(err)
	}
	c.out.Store(true)
	var answer struct {
		Invite struct {
			Expires string `json:"invite_expiration_time"`
		} `json:"xwa2_newsletter_admin_invite_create"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fault.Wrap(fault.Refused, op, err, "WhatsApp answered something unexpected")
	}
	info, err := c.cli.GetNewsletterInfo(ctx, channel)
	if err != nil {
		return nil, err
	}
	m := &waE2E.NewsletterAdminInviteMessage{NewsletterJID: proto.String(channel.String()), NewsletterName: proto.String(info.ThreadMeta.Name.Text), Caption: &comment}
	if expires, err := strconv.ParseInt(answer.Invite.Expires, 10, 64); err == nil {
		m.InviteExpiration = &expires
	}
	_, err = c.send(ctx, whom, &waE2E.Message{NewsletterAdminInviteMessage: m})
	return err == nil, err
}

func transfer(ctx context.Context, c *call) (any, error) {
	done, err := mutate(docChangeOwner)(ctx, &call{Table: c.Table, cli: c.cli, args: c.args[:2]})
	if done != true || err != nil || !arg[dismissal](c, 2).Dismiss {
		return done, err
	}
	_, err = c.mex(ctx, docDemote, map[string]any{"newsletter_id": arg[types.JID](c, 0).String(), "user_id": c.cli.Store.GetLID().ToNonAD().String()})
	return agreed(err)
}
