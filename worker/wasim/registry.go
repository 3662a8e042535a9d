package wasim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/passkey"
	"whatsapp-manager/worker/wasim/phone"
	"whatsapp-manager/worker/wasim/user"
)

// Errors of the registry.
var (
	ErrPhoneNumber = errors.New("not a phone number")
	ErrTaken       = errors.New("is taken")
	ErrNoAccount   = errors.New("no such account")
)

// Contact is somebody in an account's address book.
type Contact struct {
	Number   string // digits, international
	Name     string
	Username string // of an account that is made for it; empty: none
}

// AccountOptions says what an account's phone already holds.
type AccountOptions struct {
	// Contacts are the address book; each number nobody has yet becomes an
	// account of its own, so that it can be written to.
	Contacts []Contact
	// Chats is how many chats the phone hands over as history, each with
	// Messages texts. The first chats are with the contacts, the others with people who are
	// made up for it; they are accounts too.
	Chats, Messages int
	// History is handed over in addition to Chats.
	History phone.History
	// Passkey makes the account demand one, as DemandPasskey does; nil: none.
	Passkey *passkey.Demand
	// Username is by which others find the account; the zero value: none.
	Username user.Username
}

// registry is all accounts. Its zero value is empty.
type registry struct {
	mu       sync.RWMutex
	byPN     map[string]*Account
	byLID    map[string]*Account
	byName   map[string]*Account // by folded username
	accounts []*Account          // in the order of their creation
}

// find returns the account that a user JID means, by phone number or hidden
// identity; nil when there is none.
func (r *registry) find(jid types.JID) *Account {
	r.mu.RLock()
	defer r.mu.RUnlock()
	switch jid.Server {
	case types.HiddenUserServer:
		return r.byLID[jid.User]
	case types.DefaultUserServer, types.LegacyUserServer:
		return r.byPN[jid.User]
	}
	return nil
}

// findName returns the account that has a username; nil when there is none.
func (r *registry) findName(name string) *Account {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byName[user.Username{Name: name}.Folded()]
}

// rename gives an account a username in place of what it had. It fails with ErrTaken.
func (r *registry) rename(a *Account, to user.Username) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if holder := r.byName[to.Folded()]; to.Name != "" && holder != nil && holder != a {
		return fmt.Errorf("username %s: %w", to.Name, ErrTaken)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.byName == nil {
		r.byName = make(map[string]*Account)
	}
	delete(r.byName, a.username.Folded())
	a.username = to
	if to.Name != "" {
		r.byName[to.Folded()] = a
	}
	return nil
}

func (r *registry) all() []*Account {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.accounts)
}

// add registers the account that build makes of the next free hidden identity. It
// fails with ErrTaken.
func (r *registry) add(number string, build func(user.User) *Account) (*Account, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byPN == nil {
		r.byPN, r.byLID = make(map[string]*Account), make(map[string]*Account)
	}
	if r.byPN[number] != nil {
		return nil, fmt.Errorf("create account %s: %w", number, ErrTaken)
	}
	// Hidden identities are opaque; spread ones show mistakes that neighbours hide.
	lid := strconv.FormatUint(100000000000000+uint64(len(r.accounts)+1)*7919, 10)
	account := build(user.User{
		PN: types.NewJID(number, types.DefaultUserServer), LID: types.NewJID(lid, types.HiddenUserServer),
	})
	r.byPN[number], r.byLID[lid] = account, account
	r.accounts = append(r.accounts, account)
	return account, nil
}

// CreateAccount registers a phone number (digits, an optional + in front) under
// a push name. It fails with ErrPhoneNumber, ErrTaken, user.ErrUsername or
// passkey.ErrCredential.
func (s *Server) CreateAccount(number, pushName string, o AccountOptions) (*Account, error) {
	if err := s.init(); err != nil {
		return nil, fmt.Errorf("create account: %w", err)
	}
	number = strings.TrimPrefix(number, "+")
	if _, err := strconv.ParseUint(number, 10, 63); err != nil || len(number) < 7 || number[0] == '0' {
		return nil, fmt.Errorf("create account %q: %w", number, ErrPhoneNumber)
	}
	var demand *passkey.Demand
	if o.Passkey != nil {
		complete, err := o.Passkey.Complete()
		if err != nil {
			return nil, fmt.Errorf("create account %s: %w", number, err)
		}
		demand = &complete
	}
	if err := o.Username.Check(); err != nil {
		return nil, fmt.Errorf("create account %s: %w", number, err)
	}
	history, err := s.buildHistory(number, o)
	if err != nil {
		return nil, fmt.Errorf("create account %s: %w", number, err)
	}
	account, err := s.register(number, pushName, history)
	if err != nil {
		return nil, err
	}
	if demand != nil {
		account.mu.Lock()
		account.passkeys.demand = demand
		account.mu.Unlock()
	}
	return account, account.SetUsername(o.Username)
}

// SetUsername gives the account a username, or takes it away with the zero value. It
// fails with ErrTaken or user.ErrUsername. Nobody is told: WhatsApp's notice of it
// reaches no client that is known here.
func (a *Account) SetUsername(name user.Username) error {
	if err := name.Check(); err != nil {
		return err
	}
	return a.server.registry.rename(a, name)
}

// Username is the account's username; the zero value: none.
func (a *Account) Username() user.Username {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.username
}

func (s *Server) register(number, pushName string, history phone.History) (*Account, error) {
	return s.registry.add(number, func(u user.User) *Account {
		a := &Account{
			server: s, user: u,
			lastSeen: time.Now(),
			about:    "Hey there! I am using WhatsApp.", // what the apps set for a new account
		}
		a.phone = phone.New(phone.Config{PN: u.PN, LID: u.LID, PushName: pushName, Network: exchange{s}, History: history})
		return a
	})
}

// Account finds an account by its number; nil when nobody has it.
func (s *Server) Account(number string) *Account {
	return s.account(types.NewJID(strings.TrimPrefix(number, "+"), types.DefaultUserServer))
}

// AccountOf finds the account that a JID means, by number or hidden identity, of any of its
// devices; nil when there is none.
func (s *Server) AccountOf(jid types.JID) *Account { return s.account(jid) }

// account finds the account that a user JID means; nil when there is none.
func (s *Server) account(jid types.JID) *Account { return s.registry.find(jid) }

// Accounts returns all accounts in the order of their creation.
func (s *Server) Accounts() []*Account { return s.registry.all() }

// buildHistory makes the history that a new account's phone hands over. It registers
// the people in it who do not exist yet.
func (s *Server) buildHistory(number string, o AccountOptions) (phone.History, error) {
	history := o.History
	people := o.Contacts
	for i := len(people); i < o.Chats; i++ {
		// Numbers derived from the owner's keep two accounts' friends apart.
		people = append(people[:i:i], Contact{Number: number + fmt.Sprintf("%04d", i+1), Name: fmt.Sprintf("Friend %d", i+1)})
	}
	now := time.Now()
	for i, person := range people {
		digits := strings.TrimPrefix(person.Number, "+")
		if _, err := strconv.ParseUint(digits, 10, 63); err != nil {
			return history, fmt.Errorf("contact %q: %w", person.Number, ErrPhoneNumber)
		}
		friend := s.Account(digits)
		if friend == nil {
			var err error
			if friend, err = s.register(digits, person.Name, phone.History{}); err != nil {
				return history, err
			}
			if err = friend.SetUsername(user.Username{Name: person.Username}); err != nil {
				return history, err
			}
		}
		first, _, _ := strings.Cut(person.Name, " ")
		history.Contacts = append(history.Contacts, phone.Contact{
			PN: friend.user.PN, LID: friend.user.LID, FullName: person.Name, FirstName: first,
			PushName: friend.phone.PushName(), Username: friend.Username().Name,
		})
		if i >= o.Chats {
			continue
		}
		chat := phone.Conversation{Chat: friend.user.PN, Name: person.Name, Username: friend.Username().Name}
		for n := range o.Messages {
			chat.Messages = append(chat.Messages, phone.HistoryMessage{
				ID:     fmt.Sprintf("HIST%s%04d%06d", number, i, n),
				FromMe: n%2 == 1,
				Name:   person.Name,
				Text:   fmt.Sprintf("history %d with %s", n+1, person.Name),
				Time:   now.Add(-time.Duration(o.Messages-n) * time.Minute),
			})
		}
		history.Conversations = append(history.Conversations, chat)
	}
	return history, nil
}
