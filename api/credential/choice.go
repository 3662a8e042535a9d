package credential

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go"
)

// Bounds of a password, in characters.
const (
	MinPassword = 12
	MaxPassword = 128 // hashing must not be a way to burn our CPU
)

const (
	// strength is the least of zxcvbn's scores: above what a list of common
	// passwords with the usual changes (P@ssw0rd2025!) holds.
	strength = 2
	// judged is how much of a password is looked at: the time rises faster than
	// the length, and so much of a good one suffices.
	judged = 64
)

// ErrWeak says why a password is not taken; its text stands behind "password: ".
type ErrWeak string

func (e ErrWeak) Error() string { return string(e) }

// CheckChoice returns an ErrWeak when the password must not be chosen for the
// account with that email: for its length, because it is a common one or made
// of common parts, or because it is made of the email or of our name.
func CheckChoice(password, email string) error {
	if n := utf8.RuneCountInString(password); n < MinPassword || n > MaxPassword {
		return ErrWeak(fmt.Sprintf("needs %d to %d characters", MinPassword, MaxPassword))
	}
	lower := strings.ToLower(password)
	email = strings.ToLower(email)
	name, domain, _ := strings.Cut(email, "@")
	// What is easy to guess for somebody who knows the account.
	known := []string{"whatsapp", "manager", "whatsapp-manager", "whatsappmanager", "wam"}
	for _, part := range append([]string{email, name, domain}, strings.FieldsFunc(email, func(r rune) bool { return strings.ContainsRune(".-_+@", r) })...) {
		if len(part) > 2 {
			known = append(known, part)
		}
	}
	if email != "" && (strings.Contains(lower, email) || len(name) > 3 && strings.Trim(strings.ReplaceAll(lower, name, ""), "0123456789!?.-_@#$%&* ") == "") {
		return ErrWeak("is made of the account's email address")
	}
	begin := []rune(password)
	if len(begin) > judged {
		begin = begin[:judged]
	}
	if zxcvbn.PasswordStrength(string(begin), known).Score < strength {
		return ErrWeak("is too easy to guess: a common password, or made of few common parts; take several unrelated words")
	}
	return nil
}
