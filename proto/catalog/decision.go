package catalog

import (
	"fmt"
	"strings"
)

// Decision says whether a method of whatsmeow may be called. A method appears
// after somebody has decided about it, and not because whatsmeow has it.
type Decision string

// What may be decided about a method of whatsmeow.
const (
	Open      Decision = "open"      // may be called
	Below     Decision = "below"     // reaches below the product's books: off until the operator opens it
	Refused   Decision = "refused"   // for good
	Undecided Decision = "undecided" // new in whatsmeow: off until the operator opens it
)

// AllUndecided stands, in the list of what an operator opens, for all methods
// that nobody has decided about.
const AllUndecided = "undecided"

// MaxOpened is how many names such a list may have.
const MaxOpened = 24

// Opened are the methods that the operator opens although they are off. The zero
// value opens none.
type Opened struct {
	names     map[string]bool
	undecided bool
}

// NewOpened reads a list of names, with or without their prefix "whatsmeow.".
// It believes them: a worker may be of another build than its manager.
func NewOpened(list []string) Opened {
	o := Opened{names: map[string]bool{}}
	for _, name := range list {
		if name == AllUndecided {
			o.undecided = true
		}
		o.names[strings.TrimPrefix(strings.TrimSpace(name), prefix)] = true
	}
	return o
}

const prefix = string(Whatsmeow) + "."

// CheckOpened says what is wrong with a list: a name that is none of
// whatsmeow's methods, or one of a method that is refused for good.
func CheckOpened(list []string) error {
	if len(list) > MaxOpened {
		return fmt.Errorf("more than %d names", MaxOpened)
	}
	for _, name := range list {
		if name == AllUndecided {
			continue
		}
		m, ok := Lookup(prefix + strings.TrimPrefix(strings.TrimSpace(name), prefix))
		switch {
		case !ok:
			return fmt.Errorf("%q is no method of whatsmeow's, nor the word %s", name, AllUndecided)
		case m.Decision == Refused:
			return fmt.Errorf("%s is refused for good: %s", m.Name, m.Reason)
		}
	}
	return nil
}

// Allows tells whether a method may be called. Name has no prefix.
func (o Opened) Allows(name string, d Decision) bool {
	switch d {
	case Open:
		return true
	case Below:
		return o.names[name]
	case Undecided:
		return o.undecided || o.names[name]
	}
	return false
}

// Apply returns the method as it is where these are open.
func (o Opened) Apply(m Method) Method {
	if m.Verdict == Closed && o.Allows(strings.TrimPrefix(m.Name, prefix), m.Decision) {
		m.Verdict = Native
	}
	return m
}
