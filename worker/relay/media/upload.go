package media

import (
	"context"
	"net/http"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/param"
)

// load gets the file of a media that names a URL or an upload. It stays open
// until the call ends.
func (w *Work) load(ctx context.Context, m *MessageMedia) error {
	switch {
	case m.file != nil:
		return w.memory.Take(ctx, m.file.Size()*perByteInMemory)
	case m.Upload != "":
		return w.uploaded(m)
	case m.URL == "":
		return nil
	}
	return w.fetch(ctx, m, m.at+".url", w.MaxFile)
}

// uploaded takes the file that an upload put into the spool.
func (w *Work) uploaded(m *MessageMedia) error {
	f, err := w.Spool.Get(m.Upload)
	if fault.Is(err, fault.NotFound) {
		return param.Bad(m.at+".upload", "there is no such upload any more")
	}
	if err != nil {
		return err
	}
	w.open = append(w.open, f)
	switch {
	case f.Size() > w.MaxFile:
		return tooLarge(m.at, w.MaxFile)
	case f.Size() == 0:
		return param.Bad(m.at, "the file is empty")
	}
	m.file = f
	if m.Mimetype == "" {
		start, err := head(f)
		if err != nil {
			return err
		}
		m.Mimetype = http.DetectContentType(start)
	}
	return nil
}
