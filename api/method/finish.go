package method

import (
	"encoding/json"
	"strconv"

	"github.com/nyaruka/phonenumbers"

	"whatsapp-manager/proto/catalog"
)

// northAmerica is the calling code whose numbers WhatsApp writes as +1 (809) 220-1111.
const northAmerica = 1

// Finish makes the answer of a method out of what the worker answered. A worker of an
// older build has done so itself; what it says is passed on.
func Finish(m catalog.Method, answer json.RawMessage) json.RawMessage {
	if m.Finish == "" {
		return answer
	}
	var digits string
	if json.Unmarshal(answer, &digits) != nil {
		return answer
	}
	number, err := phonenumbers.Parse("+"+digits, "")
	if err != nil || strconv.FormatUint(number.GetNationalNumber(), 10) == digits {
		return answer
	}
	var text string
	switch {
	case m.Finish == catalog.CountryCode:
		text = strconv.Itoa(int(number.GetCountryCode()))
	case m.Finish != catalog.FormattedNumber:
		return answer
	case number.GetCountryCode() == northAmerica:
		text = "+1 " + phonenumbers.Format(number, phonenumbers.NATIONAL)
	default:
		text = phonenumbers.Format(number, phonenumbers.INTERNATIONAL)
	}
	finished, err := json.Marshal(text)
	if err != nil {
		return answer
	}
	return finished
}
