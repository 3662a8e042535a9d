package media

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/param"
)

// uploaded reads the file that an upload put into the spool.
func (w *Work) uploaded(ctx context.Context, m *MessageMedia) error {
	f, err := w.Spool.Get(m.Upload)
	if fault.Is(err, fault.NotFound) {
		return param.Bad(m.at+".upload", "there is no such upload any more")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at upload: %w", err)
	}
	switch {
	case info.Size() > MaxFile:
		return tooLarge(m.at)
	case info.Size() == 0:
		return param.Bad(m.at, "the file is empty")
	}
	if err = w.memory.Take(ctx, info.Size()*perByteInMemory); err != nil {
		return err
	}
	m.raw = make([]byte, info.Size())
	if _, err = io.ReadFull(f, m.raw); err != nil {
		return fmt.Errorf("read upload: %w", err)
	}
	if m.Mimetype == "" {
		m.Mimetype = http.DetectContentType(m.raw)
	}
	return nil
}
