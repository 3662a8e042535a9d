package wasim

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/appstate"
	"whatsapp-manager/worker/wasim/faults"
	"whatsapp-manager/worker/wasim/phone"
	"whatsapp-manager/worker/wasim/reachout"
	"whatsapp-manager/worker/wasim/shop"
	"whatsapp-manager/worker/wasim/user"
)

// Account is one registered phone number: its phone, its linked companions and
// what the server keeps for it.
type Account struct {
	// Faults that apply to every device of this account.
	Faults

	server *Server
	user   user.User
	phone  *phone.Phone
	state  appstate.Store
	shop   shop.Shop
	lock   reachout.Lock

	mu         sync.Mutex
	devices    []*Device // companions, by number
	lastNumber uint16    // given to a device
	keyIndex   []byte    // signed list of the devices' keys; nil when it must be made anew
	peers      map[*Account]struct{}
	blocked    []types.JID
	privacy    map[string]string
	timer      defaultTimer
	about      string
	picture    picture
	online     int // connections that show themselves as available
	lastSeen   time.Time
	watchers   map[*Device]types.JID // who follows the presence, and the JID they asked for
	typing     []Typing
	calls      []CallSignal
	callLinks  []CallLink
	passkeys   passkeys
	username   user.Username
}

// Faults are failures planned for the next few occasions. A Server, an Account
// and a Device have one each; the device's are used up first, then the
// account's, then the server's.
type Faults = faults.Faults

// PN is the account's phone number JID, without device.
func (a *Account) PN() types.JID { return a.user.PN }

// LID is the account's hidden identity, without device.
func (a *Account) LID() types.JID { return a.user.LID }

// Number is the account's phone number in digits.
func (a *Account) Number() string { return a.user.PN.User }

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

// reserve takes the next free device number. Numbers grow, as WhatsApp's do, and start
// over at the end of the one byte that the wire has for them.
func (a *Account) reserve() (uint16, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range 255 {
		a.lastNumber = a.lastNumber%255 + 1
		if a.device(a.lastNumber) == nil {
			return a.lastNumber, nil
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
	a.server.router.deviceListChanged(a, d, "add")
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
		a.server.router.deviceListChanged(a, d, "remove")
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

// meet remembers that two accounts wrote to each other. From then on, each is told
// when the devices of the other change.
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

// Hear has an account know that another wrote to it, as its server does with each message.
func (a *Account) Hear(from *Account) {
	a.lock.Hear(from.Number())
	from.meet(a)
}

type (
	// Product is one of an account's catalogue or of an order.
	Product = shop.Product
	// Order is what somebody put into a cart.
	Order = shop.Order
)

// SetCatalogue gives a business account its products.
func (a *Account) SetCatalogue(products ...Product) { a.shop.SetCatalogue(products...) }

// AddOrder keeps an order that was sent to or by the account, for those who
// know its token.
func (a *Account) AddOrder(o Order) { a.shop.AddOrder(o) }
