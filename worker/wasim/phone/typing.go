package phone

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Typing shows a chat's other side that the person is writing, or has stopped. It is neither
// queued for who is away nor acknowledged.
func (p *Phone) Typing(chat types.JID, on bool) {
	state := "paused"
	if on {
		state = "composing"
	}
	p.net.Send(p.lid, waBinary.Node{
		Tag: "chatstate", Attrs: waBinary.Attrs{"to": chat.ToNonAD()},
		Content: []waBinary.Node{{Tag: state}},
	})
}
