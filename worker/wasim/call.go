package wasim

import (
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/stanza"
)

// CallSignal is one signal of a call that an account got: offer, reject, terminate.
type CallSignal struct {
	From   *Account
	CallID string
	Kind   string
}

// CallLink is a link that an account asked for.
type CallLink struct {
	Token, Media string // audio, video
	Start        time.Time
}

// Ring lets the account's phone call somebody, whose companions ring. It
// returns the id of the call.
func (a *Account) Ring(to *Account, video bool) string {
	id := strings.ToUpper(rand.Text()[:16])
	creator := a.user.JID(types.HiddenUserServer, 0)
	var content []waBinary.Node
	if video {
		content = append(content, waBinary.Node{Tag: "video", Attrs: waBinary.Attrs{"enc": "h.264"}})
	}
	content = append(content, waBinary.Node{Tag: "audio", Attrs: waBinary.Attrs{"enc": "opus", "rate": "16000"}})
	offer := waBinary.Node{
		Tag: "offer", Attrs: waBinary.Attrs{"call-id": id, "call-creator": creator, "caller_pn": a.user.PN}, Content: content,
	}
	to.noteCall(a, offer)
	to.broadcast(callStanza(creator, rand.Text()[:16], offer), -1)
	return id
}

// handleCall passes a signal of a call on to the devices of the account that it is
// meant for.
func (r *router) handleCall(from origin, node waBinary.Node) {
	to, _ := node.Attrs["to"].(types.JID)
	child := stanza.First(&node)
	if to.User == "" && to.Server == "call" && child.Tag == "link_create" {
		r.makeCallLink(from, node, child)
		return
	}
	if peer := r.account(to); peer != nil {
		peer.noteCall(from.account, child)
		peer.broadcast(callStanza(from.JID(to.Server), node.Attrs["id"], child), -1)
	}
	from.reply(stanza.Ack("call", node, nil))
}

// callStanza is the stanza that carries a signal of a call.
func callStanza(from types.JID, id any, signal waBinary.Node) waBinary.Node {
	return waBinary.Node{
		Tag: "call",
		Attrs: waBinary.Attrs{
			"from": from, "id": id, "t": time.Now().Unix(), "platform": "android", "version": "2.26",
		},
		Content: []waBinary.Node{signal},
	}
}

func (a *Account) noteCall(from *Account, signal waBinary.Node) {
	id, _ := signal.Attrs["call-id"].(string)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, CallSignal{From: from, CallID: id, Kind: signal.Tag})
}

// Calls lists the signals of calls that the account got, oldest first.
func (a *Account) Calls() []CallSignal {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// CallLinks lists the links that the account asked for, oldest first.
func (a *Account) CallLinks() []CallLink {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.callLinks)
}

// makeCallLink answers a request for a link by the stanza's ack, as other open
// clients read it.
func (r *router) makeCallLink(from origin, node, child waBinary.Node) {
	media, _ := child.Attrs["media"].(string)
	event := child.GetChildByTag("event")
	start, _ := event.Attrs["start_time"].(string)
	seconds, _ := strconv.ParseInt(start, 10, 64)
	link := CallLink{Token: rand.Text()[:22], Media: media, Start: time.Unix(seconds, 0)}
	from.account.mu.Lock()
	from.account.callLinks = append(from.account.callLinks, link)
	from.account.mu.Unlock()
	answer := stanza.Ack("call", node, nil)
	answer.Content = []waBinary.Node{{Tag: "link_create", Attrs: waBinary.Attrs{"token": link.Token, "media": media}}}
	from.reply(answer)
}
