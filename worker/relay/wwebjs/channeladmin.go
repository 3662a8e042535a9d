package wwebjs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/content"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// Documents of WhatsApp's GraphQL side. Ids change with WhatsApp's clients. Those
// of update and subscribers are whatsmeow's; the others were seen in other open
// clients.
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
var channelAdminRows = []relay.Row{
	{
		Name: "Channel.sendMessage", Result: "Message|null", Need: relay.NeedOnline, Sends: true,
		Params: []param.Param{
			channelFirst,
			{Name: "content", Kind: content.Kind, Doc: "text, MessageMedia or Poll; null is answered for anything " +
				"else"},
			{Name: "options", Kind: content.KindOptions, Optional: true, Doc: "as sendMessage"},
		},
		Example: `["120363000000000000@newsletter","News!"]`,
		Doc:     "Posts to this channel and returns the message once WhatsApp has it.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			switch what := relay.Arg[content.Content](c, 1).(type) {
			case content.Text, content.Media, *content.Poll:
				return content.Send(ctx, c, relay.Arg[types.JID](c, 0), what, relay.Arg[content.Options](c, 2))
			}
			return nil, nil
		},
	},
	{
		Name: "Channel.getSubscribers", Result: "ChannelSubscriber[]", Need: relay.NeedOnline,
		Params: []param.Param{
			channelFirst,
			{Name: "limit", Kind: kindCount, Optional: true, Doc: "all when left out"},
		},
		Example: channelExample,
		Doc:     "Lists who follows this channel, for its admins.",
		Do:      getSubscribers,
	},
	{
		Name: "Channel.setSubject", Result: "boolean", Need: relay.NeedOnline,
		Params:  []param.Param{channelFirst, {Name: "newSubject", Kind: param.Title}},
		Example: `["120363000000000000@newsletter","Our news"]`,
		Doc:     "Renames this channel; false when WhatsApp refuses.",
		Do:      updateChannel(func(c *relay.Call) map[string]any { return map[string]any{"name": relay.Arg[string](c, 1)} }),
	},
	{
		Name: "Channel.setDescription", Result: "boolean", Need: relay.NeedOnline,
		Params:  []param.Param{channelFirst, {Name: "newDescription", Kind: param.Description}},
		Example: `["120363000000000000@newsletter","Once a week"]`,
		Doc:     "Describes this channel; false when WhatsApp refuses.",
		Do: updateChannel(func(c *relay.Call) map[string]any {
			return map[string]any{"description": relay.Arg[string](c, 1)}
		}),
	},
	{
		Name: "Channel.setProfilePicture", Result: "boolean", Need: relay.NeedOnline,
		Params: []param.Param{
			channelFirst,
			{Name: "newProfilePicture", Kind: media.Kind, Doc: "an image; cropped to a square of 640 pixels"},
		},
		Example: `["120363000000000000@newsletter",` + media.Example + "]",
		Doc:     "Sets this channel's picture; false when WhatsApp refuses it.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			jpeg, err := c.Media.Square(ctx, relay.Arg[*media.MessageMedia](c, 1))
			if err != nil {
				return nil, err
			}
			return updateChannel(func(*relay.Call) map[string]any {
				return map[string]any{"picture": base64.StdEncoding.EncodeToString(jpeg)}
			})(ctx, c)
		},
	},
	{
		Name: "Channel.setReactionSetting", Result: "boolean", Need: relay.NeedOnline,
		Params: []param.Param{
			channelFirst,
			{Name: "reactionCode", Kind: param.Number, Doc: "0 none, 1 the usual ones, 2 all"},
		},
		Example: `["120363000000000000@newsletter",2]`,
		Doc:     "Says which reactions this channel allows; false for other codes, and when WhatsApp refuses.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			modes := map[float64]string{0: "NONE", 1: "BASIC", 2: "ALL"}
			mode, ok := modes[relay.Arg[float64](c, 1)]
			if !ok {
				return false, nil
			}
			return updateChannel(func(*relay.Call) map[string]any {
				return map[string]any{"settings": map[string]any{"reaction_codes": map[string]any{"value": mode}}}
			})(ctx, c)
		},
	},
}

var kindCount = param.Kind{Label: "number", Read: func(raw json.RawMessage, path string) (any, error) {
	n, err := value.Number(raw, path)
	if err == nil && (n < 1 || n > 100_000 || n != float64(int(n))) {
		err = param.Bad(path, "expected a whole number from 1")
	}
	return int(n), err
}}

var (
	userParam     = param.Param{Name: "userId", Kind: param.UserID}
	inviteOptions = param.Param{
		Name: "options", Kind: param.Object[inviteComment]("object", nil), Optional: true, Doc: "comment",
	}
	ownerOptions = param.Param{
		Name: "options", Kind: param.Object[dismissal]("object", nil), Optional: true, Doc: "shouldDismissSelfAsAdmin",
	}
)

const withUser = `["120363000000000000@newsletter","4915123456789@c.us"]`

// adminRows are the methods that Client and Channel share.
var adminRows = slices.Concat(
	[]relay.Row{
		{
			Name: "sendChannelAdminInvite", Result: "boolean", Need: relay.NeedOnline, Sends: true,
			Params:  []param.Param{{Name: "chatId", Kind: param.UserID}, channelFirst, inviteOptions},
			Example: `["4915123456789@c.us","120363000000000000@newsletter"]`,
			Doc:     "Invites somebody to administer a channel; false when WhatsApp refuses.",
			Do: func(ctx context.Context, c *relay.Call) (any, error) {
				return inviteAdmin(ctx, c, relay.Arg[types.JID](c, 1), relay.Arg[types.JID](c, 0))
			},
		},
		{
			Name: "Channel.sendChannelAdminInvite", Result: "boolean", Need: relay.NeedOnline, Sends: true,
			Params:  []param.Param{channelFirst, {Name: "chatId", Kind: param.UserID}, inviteOptions},
			Example: withUser,
			Doc:     "Invites somebody to administer this channel; false when WhatsApp refuses.",
			Do: func(ctx context.Context, c *relay.Call) (any, error) {
				return inviteAdmin(ctx, c, relay.Arg[types.JID](c, 0), relay.Arg[types.JID](c, 1))
			},
		},
	},
	relay.Twins("acceptChannelAdminInvite", "Channel.acceptChannelAdminInvite", relay.Row{
		Result: "boolean", Need: relay.NeedOnline,
		Params: channelOnly, Example: channelExample,
		Doc: "Becomes an admin of {a channel|this channel} by an invitation; false when WhatsApp refuses.",
		Do:  mutate(docAcceptInvite),
	}),
	relay.Twins("revokeChannelAdminInvite", "Channel.revokeChannelAdminInvite", relay.Row{
		Result: "boolean", Need: relay.NeedOnline,
		Params: []param.Param{channelFirst, userParam}, Example: withUser,
		Doc: "Takes back an invitation to administer {a channel|this channel}; false when WhatsApp refuses.",
		Do:  mutateFor(docRevokeInvite),
	}),
	relay.Twins("demoteChannelAdmin", "Channel.demoteChannelAdmin", relay.Row{
		Result: "boolean", Need: relay.NeedOnline,
		Params: []param.Param{channelFirst, userParam}, Example: withUser,
		Doc: "Makes an admin of {a channel|this channel} a follower again; false when WhatsApp refuses.",
		Do:  mutateFor(docDemote),
	}),
	relay.Twins("transferChannelOwnership", "Channel.transferChannelOwnership", relay.Row{
		Result: "boolean", Need: relay.NeedOnline,
		Params:  []param.Param{channelFirst, {Name: "newOwnerId", Kind: param.UserID}, ownerOptions},
		Example: withUser,
		Doc:     "Gives {a channel|this channel} to one of its admins; false when WhatsApp refuses.",
		Do:      transfer,
	}),
	relay.Twins("deleteChannel", "Channel.deleteChannel", relay.Row{
		Result: "boolean", Need: relay.NeedOnline,
		Params: channelOnly, Example: channelExample,
		Doc: "Deletes {a channel that|this channel, which} the account owns; false when WhatsApp refuses.",
		Do:  mutate(docDelete),
	}),
)

type inviteComment struct {
	Comment string `json:"comment"`
}

type dismissal struct {
	Dismiss bool `json:"shouldDismissSelfAsAdmin"`
}

// mutate sends a document with the channel.
func mutate(document string) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		_, err := mex(ctx, c, document, map[string]any{"newsletter_id": relay.Arg[types.JID](c, 0).String()})
		return agreed(err)
	}
}

// mutateFor sends a document with the channel and the person of the second parameter.
func mutateFor(document string) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		user, err := c.HiddenID(ctx, relay.Arg[types.JID](c, 1))
		if err != nil {
			return nil, err
		}
		_, err = mex(ctx, c, document, map[string]any{
			"newsletter_id": relay.Arg[types.JID](c, 0).String(), "user_id": user.String(),
		})
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

func updateChannel(updates func(*relay.Call) map[string]any) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		_, err := mex(ctx, c, docUpdate, map[string]any{
			"newsletter_id": relay.Arg[types.JID](c, 0).String(), "updates": updates(c),
		})
		return agreed(err)
	}
}

// channelSubscriber is whatsapp-web.js' ChannelSubscriber.
type channelSubscriber struct {
	Contact shape.Contact `json:"contact"`
	Role    string        `json:"role"`
}

func getSubscribers(ctx context.Context, c *relay.Call) (any, error) {
	input := map[string]any{"newsletter_id": relay.Arg[types.JID](c, 0).String()}
	if limit := relay.Arg[int](c, 1); limit > 0 {
		input["count"] = limit
	}
	data, err := mex(ctx, c, docSubscribers, map[string]any{"input": input})
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
		return nil, fault.Wrap(fault.Refused, relay.Op, err, "WhatsApp answered something unexpected")
	}
	list := []channelSubscriber{}
	for _, edge := range answer.Of.Subscribers.Edges {
		jid, err := value.ParseJID(edge.Node.ID)
		if edge.Node.PN != "" {
			jid, err = value.ParseJID(edge.Node.PN)
		}
		if err != nil {
			continue // an id of another form, which nobody can use
		}
		contact, err := c.Mirror.Contact(ctx, shape.ID(jid))
		if err != nil {
			return nil, err
		}
		list = append(list, channelSubscriber{Contact: contact, Role: string(edge.Role)})
	}
	return list, nil
}

// inviteAdmin makes an invitation and sends it to the person it is for.
func inviteAdmin(ctx context.Context, c *relay.Call, channel, whom types.JID) (any, error) {
	user, err := c.HiddenID(ctx, whom)
	if err != nil {
		return nil, err
	}
	data, err := mex(ctx, c, docInvite, map[string]any{"newsletter_id": channel.String(), "user_id": user.String()})
	if err != nil {
		return agreed(err)
	}
	c.MarkSent()
	var answer struct {
		Invite struct {
			Expires string `json:"invite_expiration_time"`
		} `json:"xwa2_newsletter_admin_invite_create"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fault.Wrap(fault.Refused, relay.Op, err, "WhatsApp answered something unexpected")
	}
	info, err := c.Client.GetNewsletterInfo(ctx, channel)
	if err != nil {
		return nil, err
	}
	comment := relay.Arg[inviteComment](c, 2).Comment
	m := &waE2E.NewsletterAdminInviteMessage{
		NewsletterJID: proto.String(channel.String()), NewsletterName: proto.String(info.ThreadMeta.Name.Text),
		Caption: &comment,
	}
	if expires, err := strconv.ParseInt(answer.Invite.Expires, 10, 64); err == nil {
		m.InviteExpiration = &expires
	}
	_, err = c.Send(ctx, whom, &waE2E.Message{NewsletterAdminInviteMessage: m})
	return err == nil, err
}

// transfer gives the channel away, and steps down as an admin where the caller wants that.
func transfer(ctx context.Context, c *relay.Call) (any, error) {
	done, err := mutateFor(docChangeOwner)(ctx, c)
	if done != true || err != nil || !relay.Arg[dismissal](c, 2).Dismiss {
		return done, err
	}
	_, err = mex(ctx, c, docDemote, map[string]any{
		"newsletter_id": relay.Arg[types.JID](c, 0).String(), "user_id": c.Client.Store.GetLID().ToNonAD().String(),
	})
	return agreed(err)
}
