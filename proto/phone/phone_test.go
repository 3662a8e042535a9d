package phone

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

func TestANumberIsReadAsPeopleWriteIt(t *testing.T) {
	for text, want := range map[string]string{
		"4915123456789":          "4915123456789",
		"+49 151 2345-6789":      "4915123456789",
		"+1 (555) 010-0099":      "15550100099",
		"  +44 7400.000001 ":     "447400000001",
		"+55/11/99999-8888":      "5511999998888",
		"+49\u00a0151\u20112345": "491512345",
		"6834002":                "6834002",         // Niue, the shortest form
		"888123456789012":        "888123456789012", // a shared code of the ITU
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := Digits(text); err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
}

func TestATextThatIsNoNumberIsRefusedWithItsReason(t *testing.T) {
	for text, want := range map[string]error{
		"":                       ErrLength,
		"+":                      ErrLength,
		"123456":                 ErrLength,
		"4915123456789012":       ErrLength,
		strings.Repeat(" ", 100): ErrLength,
		"004915123456789":        ErrPrefix,
		"015123456789":           ErrPrefix,
		"++4915123456789":        ErrCharacter,
		"49151+23456789":         ErrCharacter,
		"49151x23456789":         ErrCharacter,
		"4915123456789@c.us":     ErrCharacter,
		"٤٩١٥١٢٣٤٥٦٧٨٩":          ErrCharacter, // digits of another script
		"49151234\xff6789":       ErrCharacter,
		"99999999999":            ErrCountry,
		"2101234567":             ErrCountry, // 210 is not given to a country
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := Digits(text); !errors.Is(err, want) {
				t.Errorf("got %q, %v; want the error %q", got, err, want)
			}
		})
	}
}

// The calling codes are those of the library, no more and no fewer.
func TestCallingCodes(t *testing.T) {
	known := phonenumbers.GetSupportedCallingCodes()
	for code := range 1000 {
		if want := known[code] && code > 0; strings.Contains(callingCodes, " "+strconv.Itoa(code)+" ") != want {
			t.Errorf("%d: want it in the list: %v", code, want)
		}
	}
	for code := range known {
		digits := strconv.Itoa(code) + "123456789"
		number, err := phonenumbers.Parse("+"+digits, "")
		if err != nil || int(number.GetCountryCode()) != code || !hasCallingCode(digits) {
			t.Errorf("%s: %v, %v", digits, number, err)
		}
	}
}
