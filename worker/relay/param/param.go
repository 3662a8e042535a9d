package param

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/value"
)

// Op is the operation that errors of calls name.
const Op = "relay.Call"

// Kind is a type of parameter. Label is its name in the catalog. Read returns
// the value in Go's form, or an Invalid error that names path.
type Kind struct {
	Label string
	Read  func(raw json.RawMessage, path string) (any, error)
}

// Param is one positional parameter of a method.
type Param struct {
	Name     string
	Kind     Kind
	Optional bool
	Doc      string
}

// Read returns the value of the parameter: nil for an optional one that is null.
func (p Param) Read(raw json.RawMessage, path string) (any, error) {
	if p.Optional && IsNull(raw) {
		return nil, nil
	}
	return p.Kind.Read(raw, path)
}

// IsNull tells whether a value is missing or null.
func IsNull(raw json.RawMessage) bool { return value.IsNull(raw) }

// Bad returns an Invalid error about the value at path.
func Bad(path, format string, args ...any) error { return fault.Bad(Op, path, format, args...) }

// SwitchedOff tells whether an option that is on by default was switched off.
func SwitchedOff(option *bool) bool { return option != nil && !*option }

// Object is an object that is read into a struct. Fields that the struct does not
// have are ignored, as JavaScript does. Check, which may be nil, completes the
// value or refuses it.
func Object[T any](label string, check func(*T, string) error) Kind {
	return Kind{label, func(raw json.RawMessage, path string) (any, error) {
		var v T
		if err := (value.Decoder{Lenient: true}).Into(raw, reflect.ValueOf(&v).Elem(), path); err != nil {
			return nil, err
		}
		if IsNull(raw) {
			return nil, Bad(path, "expected an object, got null")
		}
		if check != nil {
			if err := check(&v, path); err != nil {
				return nil, err
			}
		}
		return v, nil
	}}
}

// maxListed bounds a list among the parameters.
const maxListed = 1000

// ListOf is an array of values of the kind. Its value is a []any.
func ListOf(kind Kind) Kind {
	label := kind.Label
	if strings.Contains(label, "|") {
		label = "(" + label + ")"
	}
	return Kind{label + "[]", func(raw json.RawMessage, path string) (any, error) {
		var parts []json.RawMessage
		if err := json.Unmarshal(raw, &parts); err != nil || parts == nil {
			return nil, Bad(path, "expected an array, got %s", value.Kind(raw))
		}
		if len(parts) > maxListed {
			return nil, Bad(path, "expected at most %d elements", maxListed)
		}
		all := make([]any, len(parts))
		for i, part := range parts {
			v, err := kind.Read(part, fmt.Sprintf("%s[%d]", path, i))
			if err != nil {
				return nil, err
			}
			all[i] = v
		}
		return all, nil
	}}
}

// CheckCount returns an Invalid error for a number of parameters that the method
// does not take. A negative most means any number; name returns the name of the
// parameter at an index.
func CheckCount(method string, least, most, got int, name func(int) string) error {
	switch {
	case got < least:
		return fault.Bad(Op, At(got), "%s takes %s, got %d: %s is missing", method, countText(least, most), got, name(got))
	case most >= 0 && got > most:
		return fault.Bad(Op, At(most), "%s takes %s, got %d", method, countText(least, most), got)
	}
	return nil
}

// At is the path of the parameter at an index.
func At(i int) string { return fmt.Sprintf("params[%d]", i) }

func countText(least, most int) string {
	plural := func(n int) string {
		if n == 1 {
			return "1 parameter"
		}
		return fmt.Sprintf("%d parameters", n)
	}
	switch {
	case most < 0:
		return "at least " + plural(least)
	case least == most && most == 0:
		return "no parameters"
	case least == most:
		return plural(most)
	}
	return fmt.Sprintf("%d to %s", least, plural(most))
}

// Named puts the place and the name of a parameter into the text of an error about it.
func Named(err error, name string) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	named := *f
	named.Op = Op
	if f.Kind == fault.Invalid && f.Field != "" {
		named.Msg = fmt.Sprintf("%s (%s): %s", f.Field, name, f.Msg)
	}
	return &named
}
