package shape

import "strings"

// FormatNumber writes the phone number of a person's id as people write it: +4917012345.
// For a hidden id, which has no number, it returns the user part.
func FormatNumber(id string) string {
	wid := NewWid(id)
	if wid.Server != userServer || strings.Trim(wid.User, "0123456789") != "" {
		return wid.User
	}
	return "+" + wid.User
}
