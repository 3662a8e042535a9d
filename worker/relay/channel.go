package relay

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

const channelExample = `["120363000000000000@newsletter"]`

var (
	kindChannelID = kind{"jid", readChannelID}
	channelFirst  = param{name: "channelId", kind: kindChannelID}
	channelOnly   = []param{channelFirst}
)

type unsubscribeOptions struct {
	DeleteLocalModels bool `json:"deleteLocalModels"`
}

func unsubscribe(ctx context.Context, c *call, jid types.JID) error {
	if err := c.cli.UnfollowNewsletter(ctx, jid); err != nil || !arg[unsubscribeOptions](c, 1).DeleteLocalModels {
		return err
	}
	return c.Mirror.Apply(ctx, inbound.Change{Op: &inbound.ClearChat{Chat: shape.ID(jid), UpTo: time.Now(), Delete: true, Quiet: true}})
}

func readChannelID(raw json.RawMessage, path string) (any, error) {
	jid, err := value.JID(raw, path)
	if err != nil {
		return nil, err
	}
	if jid.Server != types.NewsletterServer {
		return nil, bad(path, "expected the id of a channel, like 120363000000000000@newsletter")
	}
	return jid, nil
}

// channelRows find, make and follow channels.
var channelRows = []row{
	{name: "getChannels", class: "Client", result: "Channel[]", need: needOnline, getter: true, doc: "Lists the channels that the account owns, administers or follows.", do: getChannels},
	{name: "getChannelByInviteCode", class: "Client", result: "Channel|undefined", need: needOnline, params: []param{{name: "inviteCode", kind: kindCode, doc: "or the whole link"}}, example: codeExample,
		doc: "Returns the channel behind a link; null when there is none.", do: channelByCode},
	{name: "createChannel", class: "Client", result: "CreateChannelResult|string", need: needOnline,
		params:  []param{{name: "title", kind: kindTitle}, {name: "options", kind: kindObject("CreateChannelOptions", (*channelOptions).check), optional: true, doc: "description, picture"}},
		example: `["Our news",{"description":"Once a week"}]`, doc: "Makes a channel; a text that begins with CreateChannelError when WhatsApp refuses.", do: createChannel},
	{name: "subscribeToChannel", class: "Client", result: "boolean", need: needOnline, params: channelOnly, example: channelExample, doc: "Follows a channel; false for one that the account owns.",
		do: onChannel(func(ctx context.Context, c *call, jid types.JID) error { return c.cli.FollowNewsletter(ctx, jid) }, types.NewsletterRoleOwner)},
	{name: "unsubscribeFromChannel", class: "Client", result: "boolean", need: needOnline,
		params:  []param{channelFirst, {name: "options", kind: kindObject[unsubscribeOptions]("object", nil), optional: true, doc: "deleteLocalModels: forget its messages, too"}},
		example: channelExample, doc: "Stops following a channel; false for one that the account owns.",
		do: onChannel(unsubscribe, types.NewsletterRoleOwner)},
	{name: "searchChannels", class: "Client", result: "Channel[]", need: needOnline, params: []param{{name: "searchOptions", kind: kindObject("SearchChannelsOptions", (*directoryOptions).check), optional: true,
		doc: "searchText, countryCodes, skipSubscribedNewsletters, view (0 recommended, 1 trending, 2 popular, 3 new), limit (50)"}},
		example: `[{"searchText":"bread","limit":10}]`, doc: "Searches WhatsApp's directory of channels.", do: searchChannels},
	{name: "Channel.fetchMessages", class: "Channel", result: "Message[]", need: needOnline,
		params:  []param{channelFirst, {name: "searchOptions", kind: kindFetchOptions, optional: true, doc: "limit (50), fromMe"}},
		example: channelExample, doc: "Returns the newest messages of this channel, oldest first; WhatsApp is asked for those that are not known.", do: fetchChannel},
	{name: "Channel.sendSeen", class: "Channel", result: "boolean", need: needOnline, params: channelOnly, example: channelExample,
		doc: "Counts as a viewer of this channel's newest messages.", do: seeChannel},
	{name: "Channel.mute", class: "Channel", result: "boolean", need: needOnline, params: channelOnly, example: channelExample, doc: "Mutes this channel; true.",
		do: onChannel(func(ctx context.Context, c *call, jid types.JID) error {
			return c.cli.NewsletterToggleMute(ctx, jid, true)
		})},
	{name: "Channel.unmute", class: "Channel", result: "boolean", need: needOnline, params: channelOnly, example: channelExample, doc: "Unmutes this channel; true.",
		do: onChannel(func(ctx context.Context, c *call, jid types.JID) error {
			return c.cli.NewsletterToggleMute(ctx, jid, false)
		})},
}

type channelOptions struct {
	Description string          `json:"description"`
	Picture     json.RawMessage `json:"picture"`

	picture *messageMedia
}

func (o *channelOptions) check(path string) error {
	if len(o.Description) > 8192 {
		return bad(path+".description", "is longer than 8192 bytes")
	}
	if isNull(o.Picture) {
		return nil
	}
	media, err := kindPicture.read(o.Picture, path+".picture")
	if err != nil {
		return err
	}
	o.picture, o.Picture = media.(*messageMedia), nil
	return nil
}

// channelShape is the Channel of what WhatsApp says, with what the mirror knows.
func (c *call) channelShape(ctx context.Context, m *types.NewsletterMetadata) (shape.Channel, error) {
	id := shape.NewWid(shape.ID(m.ID))
	thread := m.ThreadMeta
	ch := shape.Channel{
		ID: id, Name: shape.Clean(thread.Name.Text), Description: shape.Clean(thread.Description.Text), IsChannel: true,
		Metadata: shape.ChannelMetadata{
			ID: id, Name: shape.Clean(thread.Name.Text), Description: shape.Clean(thread.Description.Text), Reactions: string(thread.Settings.ReactionCodes.Value),
			Size: thread.SubscriberCount, Verified: thread.VerificationState == types.NewsletterVerificationStateVerified, State: string(m.State.Type),
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

func (c *call) channelShapes(ctx context.Context, all []*types.NewsletterMetadata) ([]shape.Channel, error) {
	channels := []shape.Channel{}
	for _, m := range all {
		if m == nil {
			continue
		}
		ch, err := c.channelShape(ctx, m)
		if err != nil {
			return nil, err
		}
		channels = append(channels, ch)
	}
	return channels, nil
}

func getChannels(ctx context.Context, c *call) (any, error) {
	all, err := c.cli.GetSubscribedNewsletters(ctx)
	if err != nil {
		return nil, err
	}
	return c.channelShapes(ctx, all)
}

// channelByCode asks twice: by a link WhatsApp does not say what the account is there.
func channelByCode(ctx context.Context, c *call) (any, error) {
	found, err := c.cli.GetNewsletterInfoWithInvite(ctx, arg[string](c, 0))
	if refusedByServer(err) || err == nil && found == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	whole, err := c.cli.GetNewsletterInfo(ctx, found.ID)
	if err != nil {
		return nil, err
	}
	return c.channelShape(ctx, whole)
}

// refusedByServer tells a refusal of the GraphQL side from everything else.
func refusedByServer(err error) bool {
	var refused types.GraphQLErrors
	return errors.As(err, &refused)
}

// termsOfChannels is the notice that has to be accepted once before an account
// makes a channel.
const termsOfChannels, termsStage = "20601218", "5"

type createdChannel struct {
	Title      string    `json:"title"`
	NID        shape.Wid `json:"nid"`
	InviteLink string    `json:"inviteLink"`
	CreatedAt  int64     `json:"createdAtTs"`
}

func createChannel(ctx context.Context, c *call) (any, error) {
	title, options := arg[string](c, 0), arg[channelOptions](c, 1)
	var jpeg []byte
	if options.picture != nil {
		var err error
		if jpeg, err = c.square(ctx, options.picture); err != nil {
			return nil, err
		}
	}
	if err := c.cli.AcceptTOSNotice(ctx, termsOfChannels, termsStage); err != nil {
		return nil, err
	}
	made, err := c.cli.CreateNewsletter(ctx, whatsmeow.CreateNewsletterParams{Name: title, Description: options.Description, Picture: jpeg})
	if refusedByServer(err) {
		return "CreateChannelError: An unknown error occupied while creating a channel", nil // as whatsapp-web.js writes it
	}
	if err != nil {
		return nil, err
	}
	if made == nil {
		return nil, fault.New(fault.Refused, op, "WhatsApp made no channel")
	}
	return createdChannel{
		Title: title, NID: shape.NewWid(shape.ID(made.ID)), InviteLink: whatsmeow.NewsletterLinkPrefix + made.ThreadMeta.InviteCode, CreatedAt: made.ThreadMeta.CreationTime.Unix(),
	}, nil
}

// onChannel does something with a channel; false when WhatsApp refuses, and for
// those in whose role it makes no sense.
func onChannel(do func(context.Context, *call, types.JID) error, not ...types.NewsletterRole) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		jid := arg[types.JID](c, 0)
		if len(not) > 0 {
			info, err := c.cli.GetNewsletterInfo(ctx, jid)
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

var directoryViews = []string{"RECOMMENDED", "TRENDING", "POPULAR", "NEW"}

func (o *directoryOptions) check(path string) error {
	if o.View < 0 || o.View >= len(directoryViews) {
		return bad(path+".view", "expected 0 to 3")
	}
	if o.Limit != nil && (*o.Limit < 1 || *o.Limit > 500) {
		return bad(path+".limit", "expected 1 to 500")
	}
	for _, code := range o.Countries {
		if len(code) != 2 {
			return bad(path+".countryCodes", "expected codes of two letters, like DE")
		}
	}
	return nil
}

// Documents that whatsmeow knows without using them, or not at all; those were
// seen in other open clients.
const (
	docDirectory       = "26125047313831973"
	docDirectorySearch = "26301059626252132"
)

func searchChannels(ctx context.Context, c *call) (any, error) {
	o := arg[directoryOptions](c, 0)
	limit := 50
	if o.Limit != nil {
		limit = *o.Limit
	}
	input, doc := map[string]any{"view": directoryViews[o.View], "limit": limit, "filters": map[string]any{"country_codes": o.Countries}}, docDirectory
	if o.Text != "" {
		doc = docDirectorySearch
		input = map[string]any{"search_text": o.Text, "limit": limit}
	}
	data, err := c.mex(ctx, doc, map[string]any{"input": input})
	if err != nil {
		return nil, err
	}
	var answer map[string]struct {
		Result []*types.NewsletterMetadata `json:"result"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fault.Wrap(fault.Refused, op, err, "WhatsApp answered something unexpected")
	}
	var found []*types.NewsletterMetadata
	for _, list := range answer {
		found = append(found, list.Result...)
	}
	if o.Skip {
		mine, err := c.cli.GetSubscribedNewsletters(ctx)
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
	return c.channelShapes(ctx, found)
}

// mex asks by a GraphQL document.
func (c *call) mex(ctx context.Context, document string, variables map[string]any) (json.RawMessage, error) {
	//lint:ignore SA1019 whatsmeow offers its own documents only
	return c.cli.DangerousInternals().SendMexIQ(ctx, document, variables)
}

func b64text(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }

// channelPage is how many posts WhatsApp is asked for at a time.
const channelPage = 100

// fetchChannel asks WhatsApp, which is where a channel's messages are kept.
func fetchChannel(ctx context.Context, c *call) (any, error) {
	jid, options := arg[types.JID](c, 0), arg[fetchOptions](c, 1)
	if c.args[1] == nil {
		options.limit = defaultFetch
	}
	account := c.account()
	messages := []shape.Message{}
	before := 0
	for len(messages) < options.limit {
		posts, err := c.cli.GetNewsletterMessages(ctx, jid, &whatsmeow.GetNewsletterMessagesParams{Count: min(channelPage, options.limit-len(messages)), Before: before})
		if err != nil {
			return nil, err
		}
		page, last := []shape.Message{}, before
		for _, p := range posts {
			if before == 0 || p.MessageServerID < before {
				before = p.MessageServerID
			}
			m, err := c.postShape(ctx, account.ID(), jid, p)
			if err != nil {
				return nil, err
			}
			if m != nil && (options.FromMe == nil || *options.FromMe == m.FromMe) {
				page = append(page, *m)
			}
		}
		messages = append(page, messages...)
		if len(posts) == 0 || before == last {
			break
		}
	}
	return messages, nil
}

// postShape is a post as a Message. One that the account sent is in the mirror;
// WhatsApp does not say who wrote a post.
func (c *call) postShape(ctx context.Context, me string, jid types.JID, p *types.NewsletterMessage) (*shape.Message, error) {
	if p.Message == nil {
		return nil, nil // deleted
	}
	record, err := c.Mirror.Message(ctx, p.MessageID)
	if err == nil && record.Chat == jid {
		return &record.Shape, nil
	}
	if err != nil && !errors.Is(err, mirror.ErrNotFound) {
		return nil, fmt.Errorf("read message: %w", err)
	}
	m := shape.Render(shape.Source{
		Me: me, Chat: shape.ID(jid), ID: p.MessageID, Sender: shape.ID(jid), Timestamp: p.Timestamp.Unix(), Raw: p.Message, Ack: 1, ServerID: p.MessageServerID, Reacted: len(p.ReactionCounts) > 0,
	})
	return &m, nil
}

func seeChannel(ctx context.Context, c *call) (any, error) {
	jid := arg[types.JID](c, 0)
	posts, err := c.cli.GetNewsletterMessages(ctx, jid, &whatsmeow.GetNewsletterMessagesParams{Count: defaultFetch})
	if err != nil {
		return nil, err
	}
	var numbers []types.MessageServerID
	for _, p := range posts {
		numbers = append(numbers, p.MessageServerID)
	}
	if len(numbers) > 0 {
		// It waits for an answer without listening to its context.
		done := make(chan error, 1)
		go func() { done <- c.cli.NewsletterMarkViewed(ctx, jid, numbers) }()
		select {
		case err := <-done:
			if err != nil {
				return nil, err
			}
		case <-time.After(viewWait):
			return nil, fault.New(fault.Deadline, op, "WhatsApp did not answer in time")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := c.Mirror.MarkSeen(ctx, shape.ID(jid)); err != nil && !errors.Is(err, mirror.ErrNotFound) {
		return nil, fmt.Errorf("mark chat as read: %w", err)
	}
	return true, nil
}

const viewWait = 15 * time.Second
