package relay

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/spool"
)

// maxStreamed bounds a file that is downloaded as a stream. It is decrypted in
// the spool before its first byte leaves, since only then it is known to be whole.
const maxStreamed = 256 << 20

// uploaded reads the file that an upload put into the spool.
func (m *messageMedia) uploaded(ctx context.Context, c *call) error {
	f, err := c.Spool.Get(m.Upload)
	if fault.Is(err, fault.NotFound) {
		return bad(m.at+".upload", "there is no such upload any more")
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
		return bad(m.at, "the file is empty")
	}
	if err = c.memory.Take(ctx, info.Size()*perByteInMemory); err != nil {
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
	if claimed(file) > maxStreamed {
		return Attachment{}, fileTooLarge(maxStreamed)
	}
	f, err := t.Spool.Fetch(ctx, record.Shape.ID.Serialized, maxStreamed, func(ctx context.Context, f *spool.File) error {
		return c.download(ctx, record, file, maxStreamed, f)
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

const codeNoFile = "no_file"

func noFile() error {
	return &fault.Error{Kind: fault.NotFound, Op: op, Code: codeNoFile, Msg: "this message has no file, or has it no more"}
}
