// Package phone holds the one rule for a phone number that a person or a
// program writes: how it may look, and what it becomes. The HTTP API, the worker
// and the method table all read numbers with it. The package knows nothing of
// WhatsApp's ids.
package phone

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// The bounds of a number, in digits with its country code. E.164 allows fifteen.
// The shortest numbers in use have seven (Niue, Tokelau).
const (
	minDigits = 7
	maxDigits = 15
)

// maxText bounds the text of a number with the marks that people write in it.
const maxText = 64

// Example is a number in the right form, for error texts.
const Example = "4915123456789"

// The ways in which a text is no phone number. Each says the right form.
var (
	ErrCharacter = errors.New("may have digits, a leading + and the marks space - ( ) . / only")
	ErrLength    = errors.New("needs 7 to 15 digits, country code included, like " + Example)
	ErrPrefix    = errors.New("must begin with the country code, without 0 or 00 before it, like " + Example)
	ErrCountry   = errors.New("begins with a country code that does not exist; the right form is like " + Example)
)

// Digits returns the digits of an international phone number, country code
// first, without "+" and without the marks that people write: spaces, hyphens,
// parentheses, dots, slashes. The error is one of the four above. Whether the
// number is in use is not checked.
func Digits(text string) (string, error) {
	if len(text) > maxText {
		return "", ErrLength
	}
	if !utf8.ValidString(text) {
		return "", ErrCharacter
	}
	text = strings.TrimSpace(text)
	text = strings.TrimPrefix(text, "+")
	var digits strings.Builder
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case strings.ContainsRune(" -()./\u00a0\u2010\u2011\u2013\u202f", r):
		default:
			return "", ErrCharacter
		}
	}
	d := digits.String()
	switch {
	case len(d) < minDigits || len(d) > maxDigits:
		return "", ErrLength
	case d[0] == '0':
		return "", ErrPrefix
	}
	if !hasCallingCode(d) {
		return "", ErrCountry
	}
	return d, nil
}
