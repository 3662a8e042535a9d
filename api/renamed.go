package api

import (
	"errors"
	"strconv"
	"strings"

	"whatsapp-manager/proto/fault"
)

// renamed gives an error about params[i] the name that the field has on a
// management route: there nobody sent positions.
func renamed(err error, names ...string) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	for i, name := range names {
		position := "params[" + strconv.Itoa(i) + "]"
		if strings.HasPrefix(f.Field, position) {
			other := *f
			other.Field = name + strings.TrimPrefix(f.Field, position)
			other.Msg = strings.ReplaceAll(f.Msg, position, name)
			return &other
		}
	}
	return err
}
