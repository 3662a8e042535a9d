package phone

// OtherForm returns the number that may be the same person's in the form that a country
// had before, or has now: with or without one digit after the country code. It is empty
// where there is no other form. WhatsApp accounts keep the form in which they were
// registered, and people write either.
//
//   - Brazil (55): mobile numbers got a 9 behind the two digits of the area, in steps until
//     2016 (Anatel). Their old first digit is 6 to 9.
//   - Mexico (52): the 1 of mobile numbers was dropped for calls in 2019 (IFT).
//   - Argentina (54): mobile numbers have a 9 when they are called from abroad.
func OtherForm(digits string) string {
	if len(digits) < 12 || len(digits) > 13 {
		return ""
	}
	country, rest := digits[:2], digits[2:]
	switch {
	case country == "55" && len(rest) == 11 && rest[2] == '9' && rest[3] >= '6':
		return country + rest[:2] + rest[3:]
	case country == "55" && len(rest) == 10 && rest[2] >= '6':
		return country + rest[:2] + "9" + rest[2:]
	case country == "52" && len(rest) == 11 && rest[0] == '1':
		return country + rest[1:]
	case country == "52" && len(rest) == 10:
		return country + "1" + rest
	case country == "54" && len(rest) == 11 && rest[0] == '9':
		return country + rest[1:]
	case country == "54" && len(rest) == 10:
		return country + "9" + rest
	}
	return ""
}
