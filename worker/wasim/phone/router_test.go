package phone

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.mau.fi/libsignal/keys/prekey"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim/media"
)

// router is a Network that only routes: what a phone sends reaches the devices it names,
// rewritten as the servers rewrite it.
type router struct {
	mu         sync.Mutex
	phones     []*Phone
	companions map[types.JID]*companion // by LID AD-JID
	groups     map[types.JID][]types.JID
	host       media.Host
	onIQ       func(from *Phone, node waBinary.Node) // app-state requests
	spoil      func(to types.JID, enc *waBinary.Node)
	unrouted   []waBinary.Node
}

func newRouter() *router {
	return &router{companions: map[types.JID]*companion{}, groups: map[types.JID][]types.JID{}}
}

// phone adds an account; n makes its number and hidden identity.
func (r *router) phone(t *testing.T, n int, name string, history History) *Phone {
	p := New(Config{
		PN:       types.NewJID(fmt.Sprintf("1555000%04d", n), types.DefaultUserServer),
		LID:      types.NewJID(fmt.Sprintf("10000000%06d", n*7919), types.HiddenUserServer),
		PushName: name, Network: r, History: history,
	})
	r.mu.Lock()
	r.phones = append(r.phones, p)
	r.mu.Unlock()
	t.Cleanup(p.Close)
	return p
}

func (r *router) find(jid types.JID) *Phone {
	for _, p := range r.phones {
		if p.pn.User == jid.User && p.pn.Server == jid.Server || p.lid.User == jid.User && p.lid.Server == jid.Server {
			return p
		}
	}
	return nil
}

func (r *router) Devices(user types.JID) []types.JID {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.find(user)
	if p == nil {
		return nil
	}
	out := []types.JID{p.lid}
	for jid := range r.companions {
		if jid.User == p.lid.User {
			out = append(out, jid)
		}
	}
	return out
}

func (r *router) Bundle(device types.JID) (*prekey.Bundle, error) {
	r.mu.Lock()
	c, p := r.companions[device], r.find(device)
	r.mu.Unlock()
	switch {
	case c != nil:
		return c.signal.Bundle()
	case p != nil && device.Device == 0:
		return p.Bundle()
	}
	return nil, errors.New("no such device")
}

func (r *router) Media() *media.Host { return &r.host }

func (r *router) Members(group types.JID) ([]types.JID, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	members, ok := r.groups[group]
	if !ok {
		return nil, false, errors.New("no such group")
	}
	return append([]types.JID(nil), members...), true, nil
}

func (r *router) Resolve(jid types.JID) (pn, lid types.JID, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.find(jid); p != nil {
		return p.pn, p.lid, true
	}
	return types.EmptyJID, types.EmptyJID, false
}

func (r *router) Send(from types.JID, node waBinary.Node) {
	r.mu.Lock()
	sender := r.find(from)
	r.mu.Unlock()
	switch node.Tag {
	case "iq":
		r.onIQ(sender, node)
	case "receipt":
		r.routeReceipt(from, node)
	case "message":
		r.routeMessage(sender, from, node)
	default:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.unrouted = append(r.unrouted, node)
	}
}

func (r *router) deliver(to types.JID, node waBinary.Node) {
	r.mu.Lock()
	c, p, spoil := r.companions[to], r.find(to), r.spoil
	r.mu.Unlock()
	children := append([]waBinary.Node(nil), node.GetChildren()...)
	if spoil != nil {
		for i := range children {
			if children[i].Tag == "enc" {
				spoil(to, &children[i])
			}
		}
	}
	if children != nil {
		node.Content = children
	}
	switch {
	case c != nil:
		c.nodes <- node
	case p != nil && to.Device == 0:
		p.Receive(node)
	}
}

func (r *router) routeReceipt(from types.JID, node waBinary.Node) {
	to := attrJID(node, "to")
	author := to
	attrs := waBinary.Attrs{"id": attr(node, "id"), "t": unix(time.Now()), "from": from}
	if kind := attr(node, "type"); kind != "" {
		attrs["type"] = kind
	}
	if isGroup(to) {
		attrs["from"], attrs["participant"] = to, from
		author = attrJID(node, "participant")
	}
	if recipient := attrJID(node, "recipient"); !recipient.IsEmpty() {
		attrs["recipient"] = recipient
	}
	receipt := waBinary.Node{Tag: "receipt", Attrs: attrs, Content: node.Content}
	if attr(node, "type") == "retry" {
		r.deliver(author, receipt)
		return
	}
	for _, device := range r.Devices(author.ToNonAD()) {
		if device != from {
			r.deliver(device, receipt)
		}
	}
}

func (r *router) routeMessage(sender *Phone, from types.JID, node waBinary.Node) {
	to := attrJID(node, "to")
	base := func() waBinary.Attrs {
		return waBinary.Attrs{
			"id": attr(node, "id"), "type": attr(node, "type"), "t": strconv.FormatInt(time.Now().Unix(), 10),
			"from": from, "notify": sender.PushName(), "sender_pn": sender.pn,
		}
	}
	if attr(node, "category") == "peer" {
		attrs := base()
		attrs["from"], attrs["category"] = sender.pn, "peer"
		r.deliver(to, waBinary.Node{Tag: "message", Attrs: attrs, Content: node.Content})
		return
	}
	shared := node.GetChildrenByTag("enc")
	if isGroup(to) {
		r.routeGroup(sender, from, to, node, base, shared)
		return
	}
	participants, ok := node.GetOptionalChildByTag("participants")
	if !ok {
		r.deliver(to, waBinary.Node{Tag: "message", Attrs: base(), Content: shared})
		return
	}
	for _, target := range participants.GetChildrenByTag("to") {
		jid, attrs := attrJID(target, "jid"), base()
		if jid.User == sender.lid.User {
			attrs["recipient"] = to
		}
		r.deliver(jid, waBinary.Node{Tag: "message", Attrs: attrs, Content: target.GetChildren()})
	}
}

func (r *router) routeGroup(sender *Phone, from, group types.JID, node waBinary.Node, base func() waBinary.Attrs, shared []waBinary.Node) {
	keys := map[types.JID][]waBinary.Node{}
	participants, _ := node.GetOptionalChildByTag("participants")
	for _, target := range participants.GetChildrenByTag("to") {
		keys[attrJID(target, "jid")] = target.GetChildren()
	}
	members, _, _ := r.Members(group)
	only := attrJID(node, "participant")
	for _, member := range members {
		for _, device := range r.Devices(member) {
			if device == from || !only.IsEmpty() && device != only {
				continue
			}
			attrs := base()
			attrs["from"], attrs["participant"], attrs["participant_pn"] = group, from, sender.pn
			delete(attrs, "sender_pn")
			r.deliver(device, waBinary.Node{
				Tag: "message", Attrs: attrs, Content: append(append([]waBinary.Node(nil), keys[device]...), shared...),
			})
		}
	}
}

// companion is a linked device: an address, the Signal library and what reached it, nothing
// of a phone's behaviour.
type companion struct {
	jid    types.JID
	signal *Phone // its keys and ciphers alone are used
	nodes  chan waBinary.Node
	r      *router
}

// link adds a companion device to an account.
func (r *router) link(account *Phone, device uint16) *companion {
	c := &companion{jid: account.lid, nodes: make(chan waBinary.Node, 256), r: r}
	c.jid.Device = device
	c.signal = &Phone{pn: account.pn, lid: c.jid, now: time.Now}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.companions[c.jid] = c
	return c
}

// message waits for the next message stanza and decrypts the first of its enc elements.
func (c *companion) message(t *testing.T) (waBinary.Node, *waE2E.Message) {
	t.Helper()
	for {
		node := next(t, c.nodes)
		if node.Tag != "message" {
			continue
		}
		enc := node.GetChildByTag("enc")
		from := attrJID(node, "from")
		if _, lid, _ := c.r.Resolve(from); from.Server == types.DefaultUserServer {
			from = lid
		}
		plaintext, err := c.signal.decrypt(t.Context(), from, attr(enc, "type"), content(enc))
		if err != nil {
			t.Fatalf("companion cannot decrypt: %v", err)
		}
		var message waE2E.Message
		if err := proto.Unmarshal(plaintext, &message); err != nil {
			t.Fatal(err)
		}
		return node, &message
	}
}

// ask sends a peer request to the account's phone and returns its id.
func (c *companion) ask(t *testing.T, p *Phone, message *waE2E.ProtocolMessage) types.MessageID {
	t.Helper()
	plaintext, err := proto.Marshal(&waE2E.Message{ProtocolMessage: message})
	if err != nil {
		t.Fatal(err)
	}
	encType, ciphertext, err := c.signal.encrypt(t.Context(), p.lid, pad(plaintext), nil)
	if err != nil {
		t.Fatal(err)
	}
	id := newID()
	p.Receive(waBinary.Node{
		Tag:     "message",
		Attrs:   waBinary.Attrs{"id": id, "type": "text", "category": "peer", "from": c.jid, "t": unix(time.Now())},
		Content: []waBinary.Node{{Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": encType}, Content: ciphertext}},
	})
	return id
}

func timeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// inboxOf subscribes to a phone's messages.
func inboxOf(p *Phone) <-chan Received {
	out := make(chan Received, 4096)
	p.Subscribe(func(r Received) { out <- r })
	return out
}

func receiptsOf(p *Phone) <-chan Receipt {
	out := make(chan Receipt, 4096)
	p.SubscribeReceipts(func(r Receipt) { out <- r })
	return out
}

func next[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing arrived")
		panic("unreachable")
	}
}
