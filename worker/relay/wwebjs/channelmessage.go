package wwebjs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
)

// channelMessageRows read the messages of a channel.
var channelMessageRows = []relay.Row{
	{
		Name: "Channel.fetchMessages", Result: "Message[]", Need: relay.NeedOnline,
		Params: []param.Param{
			channelFirst,
			{Name: "searchOptions", Kind: kindMessageOptions, Optional: true, Doc: "limit (50), fromMe"},
		},
		Example: channelExample,
		Doc: "Returns the newest messages of this channel, oldest first; WhatsApp is asked for those that are not " +
			"known.",
		Do: fetchChannel,
	},
	{
		Name: "Channel.sendSeen", Result: "boolean", Need: relay.NeedOnline,
		Params: channelOnly, Example: channelExample,
		Doc: "Counts as a viewer of this channel's newest messages.",
		Do:  seeChannel,
	},
}

// channelPage is how many posts WhatsApp is asked for at a time.
const channelPage = 100

// fetchChannel asks WhatsApp, which keeps the messages of a channel.
func fetchChannel(ctx context.Context, c *relay.Call) (any, error) {
	jid, options := relay.Arg[types.JID](c, 0), relay.Arg[messageOptions](c, 1)
	if !c.Given(1) {
		options.limit = defaultFetch
	}
	account := c.Account()
	messages := []shape.Message{}
	before := 0
	for len(messages) < options.limit {
		posts, err := c.Client.GetNewsletterMessages(ctx, jid, &whatsmeow.GetNewsletterMessagesParams{
			Count: min(channelPage, options.limit-len(messages)), Before: before,
		})
		if err != nil {
			return nil, err
		}
		page, last := []shape.Message{}, before
		for _, p := range posts {
			if before == 0 || p.MessageServerID < before {
				before = p.MessageServerID
			}
			m, err := postShape(ctx, c, account.ID(), jid, p)
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

// postShape is a post as a Message; nil for a deleted one. A post that the account
// sent is in the mirror; WhatsApp does not say who wrote the others.
func postShape(
	ctx context.Context, c *relay.Call, me string, jid types.JID, p *types.NewsletterMessage,
) (*shape.Message, error) {
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
		Me: me, Chat: shape.ID(jid), ID: p.MessageID, Sender: shape.ID(jid), Timestamp: p.Timestamp.Unix(),
		Raw: p.Message, Ack: 1, ServerID: p.MessageServerID, Reacted: len(p.ReactionCounts) > 0,
	})
	return &m, nil
}

func seeChannel(ctx context.Context, c *relay.Call) (any, error) {
	jid := relay.Arg[types.JID](c, 0)
	posts, err := c.Client.GetNewsletterMessages(ctx, jid, &whatsmeow.GetNewsletterMessagesParams{Count: defaultFetch})
	if err != nil {
		return nil, err
	}
	var numbers []types.MessageServerID
	for _, p := range posts {
		numbers = append(numbers, p.MessageServerID)
	}
	if len(numbers) > 0 {
		// NewsletterMarkViewed waits for an answer and does not listen to its context.
		done := make(chan error, 1)
		go func() { done <- c.Client.NewsletterMarkViewed(ctx, jid, numbers) }()
		select {
		case err := <-done:
			if err != nil {
				return nil, err
			}
		case <-time.After(viewWait):
			return nil, fault.New(fault.Deadline, relay.Op, "WhatsApp did not answer in time")
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
