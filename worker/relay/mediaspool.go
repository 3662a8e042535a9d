package relay

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"

	"go.mau.fi/whatsmeow"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/spool"
)

// maxStreamed bounds a file that is downloaded as a stream. It is decrypted in
// the spool before its first byte leaves, since only then it is known to be whole.
const maxStreamed = 256 << 20

// uploaded reads the file that an upload put into the spool.
func (m *messageMedia) uploaded(from *spool.Spool) error {
	f, err := from.Get(m.Upload)
	if fault.Is(err, fault.NotFound) {
		return bad(m.at+".upload", "there is no such upload any more")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if m.raw, err = io.ReadAll(io.LimitReader(f, MaxFile+1)); err != nil {
		return fmt.Errorf("read upload: %w", err)
	}
	switch {
	case len(m.raw) > MaxFile:
		return tooLarge(m.at)
	case len(m.raw) == 0:
		return bad(m.at, "the file is empty")
	}
	if m.Mimetype == "" {
		m.Mimetype = http.DetectContentType(m.raw)
	}
	return nil
}

// Attachment is the decrypted file of a message.
type Attachment struct {
	File     *os.File // at its start; the caller closes it
	Mimetype string
	Filename string // empty: its sender gave none
	Size     int64
}

// Download gets the file of a message, from WhatsApp or, when that no longer has
// it, once more from the phone. Errors are *fault.Error: NotFound when there is
// no such message or no file any more, TooLarge, Unpaired, Offline, Invalid.
func (t *Table) Download(ctx context.Context, messageID string) (Attachment, error) {
	found, err := t.download(ctx, messageID)
	if err != nil {
		return Attachment{}, toFault(err)
	}
	return found, nil
}

func (t *Table) download(ctx context.Context, messageID string) (Attachment, error) {
	c := &call{Table: t, cli: t.Client()}
	id, err := parseMsgID(messageID, "messageId")
	if err != nil {
		return Attachment{}, err
	}
	if err = t.ready(c.cli, needOnline); err != nil {
		return Attachment{}, err
	}
	record, err := c.message(ctx, id)
	if err != nil {
		return Attachment{}, err
	}
	file, ok := attachment(record)
	if !ok {
		return Attachment{}, noFile()
	}
	size := int64(0)
	if sized, ok := file.(interface{ GetFileLength() uint64 }); ok {
		if sized.GetFileLength() > maxStreamed {
			return Attachment{}, &fault.Error{Kind: fault.TooLarge, Op: op, Msg: fmt.Sprintf("the file is larger than %d bytes", maxStreamed)}
		}
		size = int64(sized.GetFileLength())
	}
	f, err := t.Spool.Fetch(ctx, record.Shape.ID.Serialized, size, func(ctx context.Context, f *os.File) error {
		err := c.cli.DownloadToFile(ctx, file, f)
		if !gone(err) {
			return err
		}
		path, err := c.pathAgain(ctx, record, file)
		switch {
		case err != nil:
			return err
		case path == "":
			return noFile()
		}
		if err = f.Truncate(0); err == nil {
			_, err = f.Seek(0, io.SeekStart)
		}
		if err != nil {
			return fmt.Errorf("empty the file: %w", err)
		}
		err = c.cli.DownloadMediaWithPathToFile(ctx, path, file.GetFileEncSHA256(), file.GetFileSHA256(), file.GetMediaKey(), whatsmeow.GetMediaType(file), "", false, f)
		if gone(err) {
			return noFile()
		}
		return err
	})
	if err != nil {
		return Attachment{}, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return Attachment{}, fmt.Errorf("look at the file: %w", err)
	}
	answer := Attachment{File: f, Size: info.Size()}
	answer.Mimetype, answer.Filename = described(file)
	return answer, nil
}

func noFile() error {
	return &fault.Error{Kind: fault.NotFound, Op: op, Code: "no_file", Msg: "this message has no file, or has it no more"}
}
