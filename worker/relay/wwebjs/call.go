package wwebjs

import (
	"context"
	"encoding/json"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/content"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
)

// callRows are about calls. A linked device without a microphone can only refuse
// them and make links to them.
var callRows = []relay.Row{
	{
		Name: "Call.reject", Result: "void", Need: relay.NeedOnline,
		Params: []param.Param{
			{Name: "call", Kind: param.Object("Call", (*ringing).check), Doc: "as the event brought it; id and from are read"},
		},
		Example: `[{"id":"3F2A9B","from":"4915123456789@c.us"}]`,
		Doc:     "Refuses a call that rings.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			r := relay.Arg[ringing](c, 0)
			return nil, c.Client.RejectCall(ctx, r.from, r.ID)
		},
	},
	{
		Name: "createCallLink", Result: "string", Need: relay.NeedOnline,
		Params: []param.Param{
			{Name: "startTime", Kind: param.Date},
			{Name: "callType", Kind: kindCallType, Doc: "video or voice"},
		},
		Example: `["2026-12-24T18:00:00Z","video"]`,
		Doc:     "Makes a link by which people join a call at a time.",
		Do:      callLink,
	},
}

// ringing is the part of a Call that is read.
type ringing struct {
	ID   string          `json:"id"`
	From json.RawMessage `json:"from"`

	from types.JID
}

func (r *ringing) check(path string) error {
	if r.ID == "" || len(r.ID) > 128 {
		return param.Bad(path+".id", "expected the id of a call")
	}
	from, err := param.UserID.Read(r.From, path+".from")
	if err != nil {
		return err
	}
	r.from = from.(types.JID)
	return nil
}

var kindCallType = param.Kind{Label: "string", Read: func(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	if err == nil && text != "video" && text != "voice" {
		err = param.Bad(path, "expected video or voice")
	}
	return text, err
}}

func callLink(ctx context.Context, c *relay.Call) (any, error) {
	return content.CallLink(ctx, c, relay.Arg[time.Time](c, 0), relay.Arg[string](c, 1))
}
