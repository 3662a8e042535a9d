package relay

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/value"
)

// callRows are about calls, of which a linked device without a microphone can
// only refuse them and make links.
var callRows = []row{
	{name: "Call.reject", class: "Call", result: "void", need: needOnline,
		params:  []param{{name: "call", kind: kindObject("Call", (*ringing).check), doc: "as the event brought it; id and from are read"}},
		example: `[{"id":"3F2A9B","from":"4915123456789@c.us"}]`, doc: "Refuses a call that rings.",
		do: func(ctx context.Context, c *call) (any, error) {
			r := arg[ringing](c, 0)
			return nil, c.cli.RejectCall(ctx, r.from, r.ID)
		}},
	{name: "createCallLink", class: "Client", result: "string", need: needOnline,
		params:  []param{{name: "startTime", kind: kindDate}, {name: "callType", kind: kindCallType, doc: "video or voice"}},
		example: `["2026-12-24T18:00:00Z","video"]`, doc: "Makes a link by which people join a call at a time.", do: callLink},
}

// ringing is what is read of a Call.
type ringing struct {
	ID   string          `json:"id"`
	From json.RawMessage `json:"from"`

	from types.JID
}

func (r *ringing) check(path string) error {
	if r.ID == "" || len(r.ID) > 128 {
		return bad(path+".id", "expected the id of a call")
	}
	from, err := readUserID(r.From, path+".from")
	if err != nil {
		return err
	}
	r.from = from.(types.JID)
	return nil
}

var kindCallType = kind{"string", func(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	if err == nil && text != "video" && text != "voice" {
		err = bad(path, "expected video or voice")
	}
	return text, err
}}

// callLink asks for a link. The stanza is the one of other open clients; the
// answer is an ack that holds a token.
func callLink(ctx context.Context, c *call) (any, error) {
	media, page := "video", "video"
	if arg[string](c, 1) == "voice" {
		media, page = "audio", "voice"
	}
	id := c.cli.GenerateMessageID()
	answer, err := c.ask(ctx, id, waBinary.Node{
		Tag: "call", Attrs: waBinary.Attrs{"id": id, "to": types.NewJID("", "call")},
		Content: []waBinary.Node{{
			Tag: "link_create", Attrs: waBinary.Attrs{"media": media},
			Content: []waBinary.Node{{Tag: "event", Attrs: waBinary.Attrs{"start_time": strconv.FormatInt(arg[time.Time](c, 0).Unix(), 10)}}},
		}},
	})
	if err != nil {
		return nil, err
	}
	made := answer.GetChildByTag("link_create")
	token, _ := made.Attrs["token"].(string)
	if token == "" {
		return nil, fault.New(fault.Refused, op, "WhatsApp made no link")
	}
	return "https://call.whatsapp.com/" + page + "/" + token, nil
}
