package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"whatsapp-manager/proto/fault"
)

// Body is the bytes of a file, in memory or in the spool.
type Body interface {
	io.ReaderAt
	Size() int64
}

// inMemory is a file that came inside JSON.
type inMemory struct {
	*bytes.Reader
	raw []byte
}

func held(raw []byte) Body { return inMemory{bytes.NewReader(raw), raw} }

// reader reads a file from its start. It has no Close, so that whoever gets it
// cannot end the file's life.
func reader(file Body) io.ReadSeeker { return io.NewSectionReader(file, 0, file.Size()) }

// headSize is enough of a file to tell what it is.
const headSize = 512

// head is the beginning of a file.
func head(file Body) ([]byte, error) {
	buf := make([]byte, min(headSize, file.Size()))
	if _, err := file.ReadAt(buf, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	return buf, nil
}

// whole reads a file into the memory of the call. The error is TooLarge, with the
// field, for one that is too large for that.
func (w *Work) whole(ctx context.Context, file Body, field string) ([]byte, error) {
	if m, ok := file.(inMemory); ok {
		return m.raw, nil
	}
	if file.Size() > maxInMemory {
		return nil, &fault.Error{Kind: fault.TooLarge, Op: op, Field: field, Msg: fmt.Sprintf(
			"%s: the file is larger than the %d bytes that are decoded; larger ones can be sent with sendMediaAsDocument",
			field, maxInMemory)}
	}
	if err := w.memory.Take(ctx, file.Size()*perByteInMemory); err != nil {
		return nil, err
	}
	raw := make([]byte, file.Size())
	if _, err := file.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	return raw, nil
}
