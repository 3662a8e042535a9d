package apart

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"whatsapp-manager/supervisor/moving"
)

// lines reads an answer line by line. Memory is booked for the longest one.
type lines struct {
	from   *bufio.Reader
	book   func(int64) error
	booked int64
}

// next decodes the next line; io.EOF behind the last one.
func (l *lines) next(into any) error {
	var line bytes.Buffer
	for {
		piece, err := l.from.ReadSlice('\n')
		if line.Len()+len(piece) > maxLine {
			return broken(nil)
		}
		if need := copies * int64(line.Len()+len(piece)); need > l.booked && l.book != nil {
			if err := l.book(need - l.booked); err != nil {
				return err
			}
			l.booked = need
		}
		line.Write(piece)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && line.Len() == 0:
			return io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		if err := json.Unmarshal(line.Bytes(), into); err != nil {
			return broken(nil)
		}
		return nil
	}
}

// rest yields the parts that are left.
func (l *lines) rest(yield func(*moving.Account, error) bool) {
	for {
		part := &moving.Account{}
		switch err := l.next(part); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			yield(nil, err)
			return
		}
		if !yield(part, nil) {
			return
		}
	}
}
