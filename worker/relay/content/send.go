package content

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
)

// Send sends as whatsapp-web.js' sendMessage does: it marks the chat as read first
// unless sendSeen is false, looks up the quoted message, and puts mentions where
// phones look for them. It returns the message as recorded.
func Send(ctx context.Context, c *relay.Call, to types.JID, what Content, options Options) (any, error) {
	files, several := what.(album)
	if several {
		if err := files.check(to, options); err != nil {
			return nil, relay.Unsent(err)
		}
	} else if sent, ok, err := c.AlreadySent(ctx); err != nil {
		return nil, relay.Unsent(err)
	} else if ok {
		return sent.Shape, nil
	}
	write, err := options.Mention(ctx, c, to)
	if err != nil {
		return nil, relay.Unsent(err)
	}
	options.Caption = write(options.Caption)
	if text, ok := what.(Text); ok {
		what = Text(write(string(text)))
	}
	info, err := Context(ctx, c, to, options)
	if err != nil {
		return nil, relay.Unsent(err)
	}
	c.ToChannel = to.Server == types.NewsletterServer
	if !param.SwitchedOff(options.SendSeen) && !c.ToChannel {
		if _, err := c.MarkSeen(ctx, to); err != nil {
			// The message matters more than the blue ticks.
			c.Log.Warn().Err(err).Msg("chat could not be marked as read before sending")
		}
	}
	if several {
		return files.send(ctx, c, to, options, info)
	}
	if options.media != nil { // the content is its caption then
		if caption, ok := what.(Text); ok {
			options.Caption = string(caption)
		}
		what = Media{options.media}
	}
	msg, err := what.Message(ctx, c, options, info)
	if err != nil {
		return nil, relay.Unsent(err)
	}
	return c.Send(ctx, to, msg)
}
