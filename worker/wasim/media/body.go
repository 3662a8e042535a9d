package media

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// keepInMemory is the size above which a body lies in a file without a name, which
// ends with the process at the latest.
const keepInMemory = 1 << 20

// body is what lies on the host.
type body struct {
	io.ReaderAt
	size int64
}

func inMemory(data []byte) body { return body{bytes.NewReader(data), int64(len(data))} }

func (b body) reader() io.Reader { return io.NewSectionReader(b, 0, b.size) }

func (b body) all() ([]byte, error) {
	data := make([]byte, b.size)
	if _, err := b.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read media: %w", err)
	}
	return data, nil
}

// receive reads an upload and returns it with its SHA-256.
func receive(w http.ResponseWriter, r *http.Request) (body, []byte, error) {
	in, sum := http.MaxBytesReader(w, r.Body, maxBody), sha256.New()
	if r.ContentLength >= 0 && r.ContentLength <= keepInMemory {
		data, err := io.ReadAll(io.TeeReader(in, sum))
		return inMemory(data), sum.Sum(nil), err
	}
	f, err := os.CreateTemp("", "wasim-media-")
	if err != nil {
		return body{}, nil, err
	}
	_ = os.Remove(f.Name())
	n, err := io.Copy(f, io.TeeReader(in, sum))
	if err != nil {
		_ = f.Close()
	}
	// The garbage collector closes it when nobody can ask for it any more.
	return body{f, n}, sum.Sum(nil), err
}
