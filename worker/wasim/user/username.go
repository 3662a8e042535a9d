package user

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// ErrUsername is returned for a text that can be no username, and for a key that is
// none.
var ErrUsername = errors.New("not a username")

// Username is the name by which somebody is found without a phone number. With a Key
// only those find them who know it. The zero value is no username.
type Username struct {
	Name string
	Key  string // 4 digits, or empty
}

// The forms that WhatsApp Web demands before it asks the server.
var (
	nameForm = regexp.MustCompile(`^[A-Za-z0-9_.]{3,35}$`)
	letters  = regexp.MustCompile(`[A-Za-z]`)
	keyForm  = regexp.MustCompile(`^[0-9]{4}$`)
)

// Check returns ErrUsername when the name or the key cannot be. The zero value is good.
func (u Username) Check() error {
	switch {
	case u == Username{}:
		return nil
	case !nameForm.MatchString(u.Name), !letters.MatchString(u.Name), strings.Contains(u.Name, ".."),
		strings.HasPrefix(u.Name, "."), strings.HasSuffix(u.Name, "."):
		return fmt.Errorf("%q: %w", u.Name, ErrUsername)
	case u.Key != "" && !keyForm.MatchString(u.Key):
		return fmt.Errorf("key of %q: %w", u.Name, ErrUsername)
	}
	return nil
}

// Folded is the name as names are compared.
//
// guess: that upper and lower case are the same name is not known of the real servers.
func (u Username) Folded() string { return strings.ToLower(u.Name) }

// Tell adds the name to the attributes of a stanza that names its owner. The names of the
// attributes are those that WhatsApp Web reads. The zero value adds nothing.
func (u Username) Tell(attrs waBinary.Attrs, name string) {
	if u.Name != "" {
		attrs[name] = u.Name
	}
}
