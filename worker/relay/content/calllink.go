package content

import (
	"context"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay"
)

// CallLink makes a link by which people join a call at a time; kind is video or
// voice. The stanza is the one of other open clients; the answer is an ack that
// holds a token.
func CallLink(ctx context.Context, c *relay.Call, start time.Time, kind string) (string, error) {
	media := kind
	if kind == "voice" {
		media = "audio"
	}
	id := c.Client.GenerateMessageID()
	answer, err := ask(ctx, c, id, waBinary.Node{
		Tag: "call", Attrs: waBinary.Attrs{"id": id, "to": types.NewJID("", "call")},
		Content: []waBinary.Node{{
			Tag: "link_create", Attrs: waBinary.Attrs{"media": media},
			Content: []waBinary.Node{{
				Tag: "event", Attrs: waBinary.Attrs{"start_time": strconv.FormatInt(start.Unix(), 10)},
			}},
		}},
	})
	if err != nil {
		return "", err
	}
	made := answer.GetChildByTag("link_create")
	token, _ := made.Attrs["token"].(string)
	if token == "" {
		return "", fault.New(fault.Refused, relay.Op, "WhatsApp made no link")
	}
	return "https://call.whatsapp.com/" + kind + "/" + token, nil
}

// ask sends a stanza and waits for the answer under its id.
func ask(ctx context.Context, c *relay.Call, id string, stanza waBinary.Node) (*waBinary.Node, error) {
	//lint:ignore SA1019 whatsmeow has no other way to send a stanza of one's own
	internals := c.Client.DangerousInternals()
	answers := internals.WaitResponse(id)
	if err := internals.SendNode(ctx, stanza); err != nil {
		internals.CancelResponse(id, answers)
		return nil, err
	}
	select {
	case answer := <-answers:
		if answer == nil || answer.Tag == "xmlstreamend" {
			f := fault.New(fault.Offline, relay.Op, "the connection to WhatsApp was lost during the call")
			return nil, f
		}
		return answer, nil
	case <-ctx.Done():
		internals.CancelResponse(id, answers)
		return nil, ctx.Err()
	}
}
