package relay

import (
	"encoding/base64"
	"fmt"
	"io"
	"strconv"

	"whatsapp-manager/worker/shape"
)

// What a file takes of the worker's memory, for each of its bytes, measured
// with whatsmeow and gRPC as they are.
const (
	// perByteInMemory: the file, its encrypted copy or its base64, what is left of
	// growing buffers.
	perByteInMemory = 4
	// perByteEncoded: base64 in the answer, and the answer as gRPC sends it.
	perByteEncoded = 3
	// defaultFileMemory is for tables that are told nothing.
	defaultFileMemory = 320 << 20
	// encryptedMore is what encryption adds to a file: padding and a MAC.
	encryptedMore = 64
)

// encoded is an answer that is JSON already.
type encoded []byte

// encodeMedia writes an answer with a file in one piece of memory of the right
// size: the file is the largest thing that a worker has in its hands.
func encodeMedia(answer mediaAnswer, file io.Reader, size int) (encoded, error) {
	mimetype, err := shape.Marshal(answer.Mimetype)
	if err != nil {
		return nil, fmt.Errorf("encode media: %w", err)
	}
	tail := `"`
	if answer.Filename != nil {
		filename, err := shape.Marshal(*answer.Filename)
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
