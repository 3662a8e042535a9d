package wasim

import (
	"slices"

	"go.mau.fi/whatsmeow/types"
)

// About is the account's about text.
func (a *Account) About() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.about
}

// Blocked lists whom the account has blocked, in the order and form given.
func (a *Account) Blocked() []types.JID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.blocked)
}

// SetAbout changes the about text, as its owner does on the phone.
func (s *Server) SetAbout(a *Account, text string) { s.setAbout(a, text) }

// SetPicture gives the account a profile picture with this id; empty: none.
func (a *Account) SetPicture(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.picture = id
}

// Online tells whether the account shows itself as online.
func (a *Account) Online() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.online > 0
}
