package compose

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// letter is a request that has been read.
type letter struct {
	server    *wasim.Server
	envelope  Envelope
	sender    *wasim.Account
	as        uint16         // the number of the sending device
	to        types.JID      // a user, a group, a channel or a broadcast
	recipient *wasim.Account // of a message between two; nil: nobody whom the simulator knows
	own       bool           // told to the sender's own devices
	message   *waE2E.Message // nil: nothing is sealed
	receivers []*wasim.Device

	id         string
	at         int64
	directMode string
	groupMode  string
	marks      phone.Marks
	enc        waBinary.Attrs
	encGone    []string
}

// Send sends a message and waits for what becomes of it. Only linked devices get it: the
// ledgers of the phones know nothing of it.
func Send(ctx context.Context, s *wasim.Server, r Request) (Sent, error) {
	l, err := read(s, r)
	if err != nil {
		return Sent{}, err
	}
	wait, err := l.envelope.wait()
	if err != nil {
		return Sent{}, err
	}
	if l.envelope.AsIfHistory {
		return l.handOver(ctx, wait)
	}
	stanza, err := l.write()
	if err != nil {
		return Sent{}, err
	}
	sent := Sent{ID: l.id, Timestamp: l.at, Devices: []DeviceOutcome{}}
	if l.to.Server == types.NewsletterServer {
		if err = l.post(&stanza, &sent); err != nil {
			return Sent{}, err
		}
	}
	under, err := l.deliver(ctx, stanza)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for _, device := range l.receivers {
		if d := under.delivery(device.LID()); d != nil {
			sent.add(device, d.Wait(ctx))
			d.Close()
		}
	}
	return sent, err
}

// tray holds what is under way to the devices.
type tray struct {
	targets map[types.JID]*wasim.Device // by LID

	mu         sync.Mutex // retries come from elsewhere
	deliveries map[types.JID]*wasim.Delivery
}

// hand gives a device the stanza: for the first time, or again.
func (t *tray) hand(device types.JID, node waBinary.Node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if under := t.deliveries[device]; under != nil {
		under.Again(node)
	} else if target := t.targets[device]; target != nil {
		t.deliveries[device] = target.Push(node)
	}
}

func (t *tray) delivery(device types.JID) *wasim.Delivery {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.deliveries[device]
}

// deliver seals the message and hands the stanza to every receiver.
func (l *letter) deliver(ctx context.Context, stanza waBinary.Node) (*tray, error) {
	t := &tray{targets: make(map[types.JID]*wasim.Device), deliveries: make(map[types.JID]*wasim.Delivery)}
	var to []types.JID
	for _, device := range l.receivers {
		to = append(to, device.LID())
		t.targets[device.LID()] = device
		if device.Account() != l.sender {
			device.Account().Hear(l.sender)
		}
	}
	if l.message == nil || l.to.Server == types.NewsletterServer {
		for _, device := range to {
			t.hand(device, stanza)
		}
		return t, nil
	}
	raw, err := l.plaintext()
	if err != nil {
		return t, err
	}
	composed := phone.Composed{ID: l.id, As: l.as, Bytes: raw, To: to}
	if l.shared() {
		composed.Group = l.to
	}
	composed.Deliver = func(device types.JID, enc []waBinary.Node) {
		node := stanza
		node.Content = slices.Concat(l.mark(enc), stanza.GetChildren())
		t.hand(device, node)
	}
	if err = l.sender.Phone().Compose(ctx, composed); err != nil {
		return t, fmt.Errorf("send as %s: %w", l.sender.Number(), err)
	}
	return t, nil
}

// plaintext is what is sealed: the message as it was given, or wrapped for own devices.
func (l *letter) plaintext() ([]byte, error) {
	message := l.message
	if l.own && !l.shared() {
		to := l.to.ToNonAD()
		if l.recipient != nil {
			to = l.recipient.LID()
		}
		message = phone.WrapOwn(to, message)
	}
	raw, err := proto.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("marshal message: %w", err)
	}
	return raw, nil
}

// post keeps a post in its channel and puts its text, which is not encrypted, into the stanza.
func (l *letter) post(stanza *waBinary.Node, sent *Sent) error {
	if l.message == nil {
		return nil
	}
	raw, err := proto.Marshal(l.message)
	if err != nil {
		return fmt.Errorf("marshal message: %w", err)
	}
	kind, _ := stanza.Attrs["type"].(string)
	edit, _ := stanza.Attrs["edit"].(string)
	if sent.ServerID, err = l.server.RecordPost(l.to, l.id, kind, edit, raw); err != nil {
		return fmt.Errorf("to: %w", err)
	}
	if _, set := l.envelope.Attributes["server_id"]; !set {
		stanza.Attrs["server_id"] = sent.ServerID
	}
	stanza.Content = append([]waBinary.Node{{Tag: "plaintext", Content: raw}}, stanza.GetChildren()...)
	return nil
}

// shared tells whether many get the same.
func (l *letter) shared() bool {
	return l.to.Server == types.GroupServer || l.to.Server == types.BroadcastServer
}

// severity orders outcomes, the worst last.
var severity = []string{"delivered", "acknowledged", "waiting", "retry", "refused"}

func (s *Sent) add(device *wasim.Device, o wasim.Outcome) {
	s.Devices = append(s.Devices, DeviceOutcome{
		Device: device.JID().String(), Outcome: o.State, Retries: o.Retries, Code: o.Code,
	})
	if slices.Index(severity, o.State) > slices.Index(severity, s.Outcome) {
		s.Outcome = o.State
	}
}

func read(s *wasim.Server, r Request) (*letter, error) {
	l := &letter{server: s, envelope: r.Envelope, directMode: formLID, groupMode: formLID}
	if s.DirectByPhoneNumber {
		l.directMode = formPN
	}
	if err := l.envelope.check(); err != nil {
		return nil, err
	}
	sender, from, err := findAccount(s, "from", r.From)
	if err != nil {
		return nil, err
	}
	if l.sender, l.as = sender, from.Device; sender.Device(l.as) != nil {
		return nil, wrong("from", "device %d is linked and speaks for itself; leave the device out, or take another", l.as)
	}
	if l.message, err = readMessage(r.Message); err != nil {
		return nil, err
	}
	l.marks = phone.Marks{Type: "text"}
	if l.message != nil {
		l.marks = phone.MarksOf(l.message)
	}
	if l.enc, l.encGone, err = encAttrs(l.marks, l.envelope.Enc); err != nil {
		return nil, err
	}
	if l.id = l.envelope.ID; l.id == "" {
		l.id = newID()
	}
	if l.at = l.envelope.Timestamp; l.at == 0 {
		l.at = time.Now().Unix()
	}
	return l, l.address(r.To)
}

// newID makes a message id of the length iPhones use, which no phone of the simulator does.
func newID() string {
	var random [9]byte
	rand.Read(random[:])
	return "3A" + strings.ToUpper(hex.EncodeToString(random[:]))
}
