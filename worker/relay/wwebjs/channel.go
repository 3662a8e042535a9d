package wwebjs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
)

const (
	channelExample = `["120363000000000000@newsletter"]`
	codeExample    = `["Kd0B7bKcGdzT8bPq1XcXyz"]`
)

var (
	channelFirst = param.Param{Name: "channelId", Kind: param.ChannelID}
	channelOnly  = []param.Param{channelFirst}
)

type unsubscribeOptions struct {
	DeleteLocalModels bool `json:"deleteLocalModels"`
}

func unsubscribe(ctx context.Context, c *relay.Call, jid types.JID) error {
	if err := c.Client.UnfollowNewsletter(ctx, jid); err != nil || !relay.Arg[unsubscribeOptions](c, 1).DeleteLocalModels {
		return err
	}
	return c.Mirror.Apply(ctx, inbound.Change{
		Op: &inbound.ClearChat{Chat: shape.ID(jid), UpTo: time.Now(), Delete: true, Quiet: true},
	})
}

// channelRows find, make and follow channels.
var channelRows = []relay.Row{
	{
		Name: "getChannels", Result: "Channel[]", Need: relay.NeedOnline, Getter: true,
		Doc: "Lists the channels that the account owns, administers or follows.",
		Do:  getChannels,
	},
	{
		Name: "getChannelByInviteCode", Result: "Channel|undefined", Need: relay.NeedOnline,
		Params:  []param.Param{{Name: "inviteCode", Kind: param.ChannelCode, Doc: "or the whole link"}},
		Example: codeExample,
		Doc:     "Returns the channel behind a link; null when there is none.",
		Do:      channelByCode,
	},
	{
		Name: "createChannel", Result: "CreateChannelResult|string", Need: relay.NeedOnline,
		Params: []param.Param{
			{Name: "title", Kind: param.Title},
			{
				Name: "options", Kind: param.Object("CreateChannelOptions", (*channelOptions).check), Optional: true,
				Doc: "description, picture",
			},
		},
		Example: `["Our news",{"description":"Once a week"}]`,
		Doc:     "Makes a channel; a text that begins with CreateChannelError when WhatsApp refuses.",
		Do:      createChannel,
	},
	{
		Name: "subscribeToChannel", Result: "boolean", Need: relay.NeedOnline,
		Params: channelOnly, Example: channelExample,
		Doc: "Follows a channel; false for one that the account owns.",
		Do: onChannel(func(ctx context.Context, c *relay.Call, jid types.JID) error {
			return c.Client.FollowNewsletter(ctx, jid)
		}, types.NewsletterRoleOwner),
	},
	{
		Name: "unsubscribeFromChannel", Result: "boolean", Need: relay.NeedOnline,
		Params: []param.Param{
			channelFirst,
			{
				Name: "options", Kind: param.Object[unsubscribeOptions]("object", nil), Optional: true,
				Doc: "deleteLocalModels: forget its messages, too",
			},
		},
		Example: channelExample,
		Doc:     "Stops following a channel; false for one that the account owns.",
		Do:      onChannel(unsubscribe, types.NewsletterRoleOwner),
	},
	{
		Name: "searchChannels", Result: "Channel[]", Need: relay.NeedOnline,
		Params: []param.Param{
			{Name: "searchOptions", Kind: kindDirectoryOptions, Optional: true, Doc: "" +
				"searchText, countryCodes, skipSubscribedNewsletters, view (0 " +
				"recommended, 1 trending, 2 popular, 3 new), limit (50)"},
		},
		Example: `[{"searchText":"bread","limit":10}]`,
		Doc:     "Searches WhatsApp's directory of channels.",
		Do:      searchChannels,
	},
	{
		Name: "Channel.mute", Result: "boolean", Need: relay.NeedOnline,
		Params: channelOnly, Example: channelExample,
		Doc: "Mutes this channel; true.",
		Do: onChannel(func(ctx context.Context, c *relay.Call, jid types.JID) error {
			return c.Client.NewsletterToggleMute(ctx, jid, true)
		}),
	},
	{
		Name: "Channel.unmute", Result: "boolean", Need: relay.NeedOnline,
		Params: channelOnly, Example: channelExample,
		Doc: "Unmutes this channel; true.",
		Do: onChannel(func(ctx context.Context, c *relay.Call, jid types.JID) error {
			return c.Client.NewsletterToggleMute(ctx, jid, false)
		}),
	},
}

type channelOptions struct {
	Description string          `json:"description"`
	Picture     json.RawMessage `json:"picture"`

	picture *media.MessageMedia
}

func (o *channelOptions) check(path string) error {
	if utf8.RuneCountInString(o.Description) > param.MaxDescription {
		return param.Bad(path+".description", "is longer than %d characters", param.MaxDescription)
	}
	if param.IsNull(o.Picture) {
		return nil
	}
	read, err := media.Kind.Read(o.Picture, path+".picture")
	if err != nil {
		return err
	}
	o.picture, o.Picture = read.(*media.MessageMedia), nil
	return nil
}

// channelShape is the Channel that WhatsApp describes, with what the mirror knows of it.
func channelShape(ctx context.Context, c *relay.Call, m *types.NewsletterMetadata) (shape.Channel, error) {
	id := shape.NewWid(shape.ID(m.ID))
	thread := m.ThreadMeta
	ch := shape.Channel{
		ID: id, Name: shape.Clean(thread.Name.Text), Description: shape.Clean(thread.Description.Text), IsChannel: true,
		Metadata: shape.ChannelMetadata{
			ID: id, Name: shape.Clean(thread.Name.Text), Description: shape.Clean(thread.Description.Text),
			Reactions: string(thread.Settings.ReactionCodes.Value), Size: thread.SubscriberCount,
			Verified: thread.VerificationState == types.NewsletterVerificationStateVerified, State: string(m.State.Type),
		},
	}
	if !thread.CreationTime.IsZero() {
		ch.Metadata.CreatedAt = thread.CreationTime.Unix()
	}
	if thread.InviteCode != "" {
		ch.Metadata.InviteLink = whatsmeow.NewsletterLinkPrefix + thread.InviteCode
	}
	if thread.Picture != nil {
		ch.Metadata.PictureURL = thread.Picture.URL
	}
	if v := m.ViewerMeta; v != nil {
		ch.Metadata.MembershipType = string(v.Role)
		ch.IsReadOnly = v.Role == types.NewsletterRoleSubscriber || v.Role == types.NewsletterRoleGuest
		if ch.IsMuted = v.Mute == types.NewsletterMuteOn; ch.IsMuted {
			ch.MuteExpiration = -1
		}
	}
	known, err := c.Mirror.Chat(ctx, id.Serialized)
	switch {
	case errors.Is(err, mirror.ErrNotFound):
	case err != nil:
		return ch, fmt.Errorf("read chat: %w", err)
	default:
		ch.UnreadCount, ch.Timestamp, ch.LastMessage = known.UnreadCount, known.Timestamp, known.LastMessage
	}
	return ch, nil
}

func channelShapes(ctx context.Context, c *relay.Call, all []*types.NewsletterMetadata) ([]shape.Channel, error) {
	channels := []shape.Channel{}
	for _, m := range all {
		if m == nil {
			continue
		}
		ch, err := channelShape(ctx, c, m)
		if err != nil {
			return nil, err
		}
		channels = append(channels, ch)
	}
	return channels, nil
}

func getChannels(ctx context.Context, c *relay.Call) (any, error) {
	all, err := c.Client.GetSubscribedNewsletters(ctx)
	if err != nil {
		return nil, err
	}
	return channelShapes(ctx, c, all)
}

// channelByCode asks twice: asked by a link, WhatsApp does not say which role the
// account has in the channel.
func channelByCode(ctx context.Context, c *relay.Call) (any, error) {
	found, err := c.Client.GetNewsletterInfoWithInvite(ctx, relay.Arg[string](c, 0))
	if refusedByServer(err) || err == nil && found == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	whole, err := c.Client.GetNewsletterInfo(ctx, found.ID)
	if err != nil {
		return nil, err
	}
	return channelShape(ctx, c, whole)
}

// refusedByServer tells whether WhatsApp's GraphQL side refused.
func refusedByServer(err error) bool {
	var refused types.GraphQLErrors
	return errors.As(err, &refused)
}

// termsOfChannels is the notice that an account must accept once before it makes a
// channel.
const termsOfChannels, termsStage = "20601218", "5"

type createdChannel struct {
	Title      string    `json:"title"`
	NID        shape.Wid `json:"nid"`
	InviteLink string    `json:"inviteLink"`
	CreatedAt  int64     `json:"createdAtTs"`
}

func createChannel(ctx context.Context, c *relay.Call) (any, error) {
	title, options := relay.Arg[string](c, 0), relay.Arg[channelOptions](c, 1)
	var jpeg []byte
	if options.picture != nil {
		var err error
		if jpeg, err = c.Media.Square(ctx, options.picture); err != nil {
			return nil, err
		}
	}
	if err := c.Client.AcceptTOSNotice(ctx, termsOfChannels, termsStage); err != nil {
		return nil, err
	}
	made, err := c.Client.CreateNewsletter(ctx, whatsmeow.CreateNewsletterParams{
		Name: title, Description: options.Description, Picture: jpeg,
	})
	if refusedByServer(err) {
		return "CreateChannelError: An unknown error occupied while creating a channel", nil // as whatsapp-web.js writes it
	}
	if err != nil {
		return nil, err
	}
	if made == nil {
		return nil, fault.New(fault.Refused, relay.Op, "WhatsApp made no channel")
	}
	return createdChannel{
		Title: title, NID: shape.NewWid(shape.ID(made.ID)),
		InviteLink: whatsmeow.NewsletterLinkPrefix + made.ThreadMeta.InviteCode, CreatedAt: made.ThreadMeta.CreationTime.Unix(),
	}, nil
}

// onChannel does something with a channel. The answer is false when WhatsApp
// refuses, and for an account in whose role it makes no sense.
func onChannel(
	do func(context.Context, *relay.Call, types.JID) error, not ...types.NewsletterRole,
) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		jid := relay.Arg[types.JID](c, 0)
		if len(not) > 0 {
			info, err := c.Client.GetNewsletterInfo(ctx, jid)
			if err == nil && info != nil && info.ViewerMeta != nil && info.ViewerMeta.Role == not[0] || refusedByServer(err) {
				return false, nil
			}
			if err != nil {
				return nil, err
			}
		}
		err := do(ctx, c, jid)
		if refusedByServer(err) {
			return false, nil
		}
		return err == nil, err
	}
}

// directoryOptions are whatsapp-web.js' SearchChannelsOptions.
type directoryOptions struct {
	Text      string   `json:"searchText"`
	Countries []string `json:"countryCodes"`
	Skip      bool     `json:"skipSubscribedNewsletters"`
	View      int      `json:"view"`
	Limit     *int     `json:"limit"`
}

var kindDirectoryOptions = param.Object("SearchChannelsOptions", (*directoryOptions).check)

var directoryViews = []string{"RECOMMENDED", "TRENDING", "POPULAR", "NEW"}

func (o *directoryOptions) check(path string) error {
	if o.View < 0 || o.View >= len(directoryViews) {
		return param.Bad(path+".view", "expected 0 to 3")
	}
	if o.Limit != nil && (*o.Limit < 1 || *o.Limit > 500) {
		return param.Bad(path+".limit", "expected 1 to 500")
	}
	for _, code := range o.Countries {
		if len(code) != 2 {
			return param.Bad(path+".countryCodes", "expected codes of two letters, like DE")
		}
	}
	return nil
}

// Documents of WhatsApp's GraphQL side. whatsmeow does not use them; they were seen
// in other open clients.
const (
	docDirectory       = "26125047313831973"
	docDirectorySearch = "26301059626252132"
)

func searchChannels(ctx context.Context, c *relay.Call) (any, error) {
	o := relay.Arg[directoryOptions](c, 0)
	limit := 50
	if o.Limit != nil {
		limit = *o.Limit
	}
	doc := docDirectory
	input := map[string]any{
		"view": directoryViews[o.View], "limit": limit, "filters": map[string]any{"country_codes": o.Countries},
	}
	if o.Text != "" {
		doc = docDirectorySearch
		input = map[string]any{"search_text": o.Text, "limit": limit}
	}
	data, err := mex(ctx, c, doc, map[string]any{"input": input})
	if err != nil {
		return nil, err
	}
	var answer map[string]struct {
		Result []*types.NewsletterMetadata `json:"result"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fault.Wrap(fault.Refused, relay.Op, err, "WhatsApp answered something unexpected")
	}
	var found []*types.NewsletterMetadata
	for _, list := range answer {
		found = append(found, list.Result...)
	}
	if o.Skip {
		mine, err := c.Client.GetSubscribedNewsletters(ctx)
		if err != nil {
			return nil, err
		}
		kept := found[:0]
		for _, m := range found {
			known := false
			for _, own := range mine {
				known = known || own != nil && m != nil && own.ID == m.ID
			}
			if !known {
				kept = append(kept, m)
			}
		}
		found = kept
	}
	return channelShapes(ctx, c, found)
}

// mex sends a GraphQL document and returns the answer.
func mex(ctx context.Context, c *relay.Call, document string, variables map[string]any) (json.RawMessage, error) {
	//lint:ignore SA1019 whatsmeow offers its own documents only
	return c.Client.DangerousInternals().SendMexIQ(ctx, document, variables)
}
