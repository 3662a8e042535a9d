package wasim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/phone"
)

// Errors of the registry.
var (
	ErrPhoneNumber = errors.New("not a phone number")
	ErrTaken       = errors.New("phone number is taken")
	ErrNoAccount   = errors.New("no such account")
)

// Contact is somebody in an account's address book.
type Contact struct {
	Number string // digits, international
	Name   string
}

// AccountOptions says what an account's phone already holds.
type AccountOptions struct {
	// Contacts are the address book; each number nobody has yet becomes an
	// account of its own, so that it can be written to.
	Contacts []Contact
	// Chats is how many chats the phone hands over as history, each with
	// Messages texts. The first are with the contacts, the rest with people made up for
	// it, who are accounts too.
	Chats, Messages int
	// History is handed over in addition to Chats.
	History phone.History
}

// Account is one registered phone number: its phone, its linked companions and
// what the server keeps for it.
type Account struct {
	// Faults that apply to every device of this account.
	Faults

	server  *Server
	pn, lid types.JID
	phone   *phone.Phone

	mu       sync.Mutex
	devices  []*Device // companions, by number
	last     uint16
	keyIndex []byte
	seeded   bool
	state    map[string]*collection
	peers    map[*Account]struct{}
	blocked  []types.JID
	privacy  map[string]string
	about    string
	picture  string // id, empty without one
	image    []byte // JPEG
	online   int
	seen     time.Time
	watchers map[*Device]types.JID
	typing   []Typing
	calls    []CallSignal
	links    []CallLink
	products []Product
	orders   map[string]Order
}

// CreateAccount registers a phone number (digits, an optional + in front) under
// a push name. It fails with ErrPhoneNumber or ErrTaken.
func (s *Server) CreateAccount(number, pushName string, o AccountOptions) (*Account, error) {
	if err := s.init(); err != nil {
		return nil, fmt.Errorf("create account: %w", err)
	}
	number = strings.TrimPrefix(number, "+")
	if _, err := strconv.ParseUint(number, 10, 63); err != nil || len(number) < 7 || number[0] == '0' {
		return nil, fmt.Errorf("create account %q: %w", number, ErrPhoneNumber)
	}
	history, err := s.buildHistory(number, o)
	if err != nil {
		return nil, fmt.Errorf("create account %s: %w", number, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.register(number, pushName, history)
}

// register adds an account. The caller holds s.mu.
func (s *Server) register(number, pushName string, history phone.History) (*Account, error) {
	if s.byPN[number] != nil {
		return nil, fmt.Errorf("create account %s: %w", number, ErrTaken)
	}
	// Hidden identities are opaque; spread ones show mistakes that neighbours hide.
	lid := strconv.FormatUint(100000000000000+uint64(len(s.accounts)+1)*7919, 10)
	a := &Account{
		server: s,
		pn:     types.NewJID(number, types.DefaultUserServer),
		lid:    types.NewJID(lid, types.HiddenUserServer),
		seen:   time.Now(),
		about:  "Hey there! I am using WhatsApp.", // what the apps set for a new account
	}
	a.phone = phone.New(phone.Config{PN: a.pn, LID: a.lid, PushName: pushName, Network: s, History: history})
	s.byPN[number], s.byLID[lid] = a, a
	s.accounts = append(s.accounts, a)
	return a, nil
}

// Account finds an account by its number; nil when nobody has it.
func (s *Server) Account(number string) *Account {
	return s.account(types.NewJID(strings.TrimPrefix(number, "+"), types.DefaultUserServer))
}

// Accounts returns all accounts in the order of their creation.
func (s *Server) Accounts() []*Account {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.accounts)
}

// PN is the account's phone number JID, without device.
func (a *Account) PN() types.JID { return a.pn }

// LID is the account's hidden identity, without device.
func (a *Account) LID() types.JID { return a.lid }

// Number is the account's phone number in digits.
func (a *Account) Number() string { return a.pn.User }

// Phone is the account's device 0, with which tests write and read as a person would.
func (a *Account) Phone() *phone.Phone { return a.phone }

// Devices returns the linked companions, the oldest first.
func (a *Account) Devices() []*Device {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.devices)
}

// Device returns the companion with a device number, nil when it is not linked.
func (a *Account) Device(number uint16) *Device {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.device(number)
}

func (a *Account) device(number uint16) *Device {
	i, ok := slices.BinarySearchFunc(a.devices, number, func(d *Device, n uint16) int { return cmp.Compare(d.number, n) })
	if !ok {
		return nil
	}
	return a.devices[i]
}

// jid is the account in the form of a server: phone number or hidden identity.
func (a *Account) jid(server string, device uint16) types.JID {
	jid := a.lid
	if server == types.DefaultUserServer {
		jid = a.pn
	}
	jid.Device = device
	return jid
}

// reserve takes the next free device number. Numbers grow, as WhatsApp's do,
// and start over where the wire's one byte would end.
func (a *Account) reserve() (uint16, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range 255 {
		a.last = a.last%255 + 1
		if a.device(a.last) == nil {
			return a.last, nil
		}
	}
	return 0, errors.New("no device number left")
}

func (a *Account) link(d *Device) {
	a.mu.Lock()
	a.devices = append(a.devices, d)
	slices.SortFunc(a.devices, func(x, y *Device) int { return cmp.Compare(x.number, y.number) })
	a.keyIndex = nil
	a.mu.Unlock()
	a.server.deviceListChanged(a, d, "add")
}

func (a *Account) unlink(d *Device) bool {
	a.mu.Lock()
	i := slices.Index(a.devices, d)
	if i >= 0 {
		a.devices = slices.Delete(slices.Clone(a.devices), i, i+1)
		a.keyIndex = nil
	}
	delete(a.watchers, d)
	a.mu.Unlock()
	if i >= 0 {
		a.server.deviceListChanged(a, d, "remove")
	}
	return i >= 0
}

// numbers lists every device, the phone first.
func (a *Account) numbers() []uint16 {
	a.mu.Lock()
	defer a.mu.Unlock()
	numbers := make([]uint16, 1, len(a.devices)+1)
	for _, d := range a.devices {
		numbers = append(numbers, d.number)
	}
	return numbers
}

// meet remembers that two accounts wrote to each other: each hears of the
// other's device changes from then on.
func (a *Account) meet(b *Account) {
	if a == b {
		return
	}
	for _, pair := range [2][2]*Account{{a, b}, {b, a}} {
		one, other := pair[0], pair[1]
		one.mu.Lock()
		if one.peers == nil {
			one.peers = make(map[*Account]struct{})
		}
		one.peers[other] = struct{}{}
		one.mu.Unlock()
	}
}
