package media

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"whatsapp-manager/worker/shape"
)

// answer is MessageMedia as a result, as callers read it; encode writes it.
type answer struct {
	Mimetype string  `json:"mimetype"`
	Data     string  `json:"data"`
	Filename *string `json:"filename,omitempty"`
	Filesize int     `json:"filesize,omitempty"`
}

// encode writes an answer with a file in one piece of memory of the right size:
// the file is the largest thing that a worker has in its hands.
func encode(a answer, file io.Reader, size int) (json.RawMessage, error) {
	mimetype, err := shape.Marshal(a.Mimetype)
	if err != nil {
		return nil, fmt.Errorf("encode media: %w", err)
	}
	tail := `"`
	if a.Filename != nil {
		filename, err := shape.Marshal(*a.Filename)
		if err != nil {
			return nil, fmt.Errorf("encode media: %w", err)
		}
		tail += `,"filename":` + string(filename)
	}
	if size > 0 {
		tail += `,"filesize":` + strconv.Itoa(size)
	}
	tail += "}"
	head := `{"mimetype":` + string(mimetype) + `,"data":"`
	out := make([]byte, 0, len(head)+base64.StdEncoding.EncodedLen(size)+len(tail))
	out = append(out, head...)
	const chunk = 3 << 14 // a multiple of three has no padding
	buf := make([]byte, chunk)
	for left := size; left > 0; {
		part := buf[:min(left, chunk)]
		if _, err = io.ReadFull(file, part); err != nil {
			return nil, fmt.Errorf("read the file: %w", err)
		}
		out = base64.StdEncoding.AppendEncode(out, part)
		left -= len(part)
	}
	return append(out, tail...), nil
}
