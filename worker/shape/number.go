package shape

import "strings"

// FormatNumber writes the phone number of a person's id for people: +4917012345.
// A hidden id has none and gives its user part.
func FormatNumber(id string) string {
	wid := NewWid(id)
	if wid.Server != userServer || strings.Trim(wid.User, "0123456789") != "" {
		return wid.User
	}
	return "+" + wid.User
}
