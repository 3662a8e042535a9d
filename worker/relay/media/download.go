package media

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/bounds"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/spool"
)

// Source is a message whose file may be downloaded.
type Source struct {
	Info types.MessageInfo
	Raw  *waE2E.Message // nil: WhatsApp's form of the message is not known
	Key  string         // under which the spool keeps the file; the message's own
	Part string         // of the message, whose file is meant; empty: the message itself
}

// Attachment is the decrypted file of a message.
type Attachment struct {
	File     *os.File // at its start; the caller closes it
	Mimetype string
	Filename string // empty: its sender gave none
	Size     int64
}

// Download returns the file of a message as a MessageMedia, and nil when the
// message has none, or none any more.
func (w *Work) Download(ctx context.Context, cli *whatsmeow.Client, src Source) (json.RawMessage, error) {
	file, ok := src.file()
	if !ok {
		return nil, nil
	}
	if claimed(file) > maxInMemory {
		return nil, tooLargeForJSON()
	}
	// Into a file first: its size is known only when it has come.
	f, err := w.Spool.Pass(maxInMemory, func(f *spool.File) error { return download(ctx, cli, src, file, maxInMemory, f) })
	var none *fault.Error
	switch {
	case errors.As(err, &none) && none.Code == codeNoFile:
		return nil, nil
	case fault.Is(err, fault.TooLarge):
		return nil, tooLargeForJSON()
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err = w.memory.Take(ctx, f.Size()*perByteEncoded); err != nil {
		return nil, err
	}
	var a answer
	var name string
	if a.Mimetype, name = described(file); name != "" {
		a.Filename = &name
	}
	return encode(a, f, int(f.Size()))
}

// Open returns the file of a message as a stream. It is decrypted in the spool before
// its first byte leaves, since only then it is known to be whole. The error is NotFound when the
// message has no file, or none any more.
func (f *Files) Open(ctx context.Context, cli *whatsmeow.Client, src Source) (Attachment, error) {
	file, ok := src.file()
	if !ok {
		return Attachment{}, src.noFile()
	}
	if claimed(file) > uint64(f.MaxFile) {
		return Attachment{}, fileTooLarge(f.MaxFile)
	}
	kept, err := f.Spool.Fetch(ctx, src.Key, f.MaxFile+encryptedMore, func(ctx context.Context, to *spool.File) error {
		return download(ctx, cli, src, file, f.MaxFile, to)
	})
	if err != nil {
		return Attachment{}, err
	}
	info, err := kept.Stat()
	if err != nil {
		_ = kept.Close()
		return Attachment{}, fmt.Errorf("look at the file: %w", err)
	}
	a := Attachment{File: kept, Size: info.Size()}
	a.Mimetype, a.Filename = described(file)
	return a, nil
}

// The code of every error that says why there is no file; its text is the reason.
const codeNoFile = "no_file"

func noFile(reason string) error {
	return &fault.Error{Kind: fault.NotFound, Op: op, Code: codeNoFile, Msg: reason}
}

// noFile says why nothing can be downloaded of a message.
func (src Source) noFile() error {
	switch {
	case src.Raw == nil:
		return noFile("the content of this message is not known")
	case src.content() == nil:
		return noFile("this message has no such part")
	case message.Read(src.content()).File == nil:
		return noFile("this message has no file")
	}
	return noFile("this message does not say where its file is")
}

// claimed is the size that the sender gave a file, zero without one. It only saves
// the download of a file whose sender says that it is too large.
func claimed(file whatsmeow.DownloadableMessage) uint64 {
	if sized, ok := file.(interface{ GetFileLength() uint64 }); ok {
		return sized.GetFileLength()
	}
	return 0
}

func fileTooLarge(most int64) error {
	return &fault.Error{Kind: fault.TooLarge, Op: op, Msg: fmt.Sprintf("the file is larger than %d bytes", most)}
}

func tooLargeForJSON() error {
	return &fault.Error{Kind: fault.TooLarge, Op: op, Msg: fmt.Sprintf(
		"the file is larger than the %d bytes that are answered as base64; "+
			"GET /api/instances/{id}/messages/{messageId}/media streams it", maxInMemory)}
}

// download writes the file of a message, from WhatsApp or, when that no longer
// has it, once more from the phone. NotFound when neither has it.
func download(
	ctx context.Context, cli *whatsmeow.Client, src Source, file whatsmeow.DownloadableMessage, most int64, f *spool.File,
) error {
	// An encrypted file has some bytes more.
	ctx = bounds.With(ctx, &bounds.Limit{Most: most + encryptedMore})
	err := fetch(ctx, cli, file.GetDirectPath(), file, f)
	if !gone(err) {
		return err
	}
	if !sealed(file) { // it belongs to a channel, and no phone has it
		return noFile("WhatsApp does not have this file any more")
	}
	if src.Part != "" { // a phone uploads the file of a message again
		return noFile("WhatsApp does not have this file any more")
	}
	path, err := pathAgain(ctx, cli, src.Info, file)
	if err != nil {
		return err
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("empty the file: %w", err)
	}
	err = fetch(ctx, cli, path, file, f)
	if gone(err) {
		return noFile("WhatsApp does not have this file any more, although the phone uploaded it again")
	}
	return err
}

// sealed tells whether a file is encrypted, as all are but those of channels.
func sealed(file whatsmeow.DownloadableMessage) bool {
	return len(file.GetMediaKey()) > 0 && len(file.GetFileEncSHA256()) > 0
}

// fetch writes the file at a path, decrypted. Some messages have empty fields in place
// of those that a file without encryption lacks, which whatsmeow takes for values.
func fetch(
	ctx context.Context, cli *whatsmeow.Client, path string, file whatsmeow.DownloadableMessage, f *spool.File,
) error {
	key, encrypted, plain := file.GetMediaKey(), file.GetFileEncSHA256(), file.GetFileSHA256()
	if !sealed(file) {
		key, encrypted = nil, nil
	}
	unchecked := key == nil && len(plain) == 0
	if unchecked {
		plain = nil
	}
	return cli.DownloadMediaWithPathToFile(ctx, path, encrypted, plain, key, whatsmeow.GetMediaType(file), "", unchecked, f)
}

// described returns the media type and the name that the sender gave the file.
func described(file whatsmeow.DownloadableMessage) (mimetype, name string) {
	if typed, ok := file.(interface{ GetMimetype() string }); ok {
		mimetype = shape.Clean(typed.GetMimetype())
	}
	if named, ok := file.(interface{ GetFileName() string }); ok {
		name = shape.Clean(named.GetFileName())
	}
	return mimetype, name
}

// file returns what can be downloaded of a message; false when it has nothing.
func (src Source) file() (whatsmeow.DownloadableMessage, bool) {
	content := src.content()
	if content == nil {
		return nil, false
	}
	file := message.Read(content).Downloadable()
	return file, file != nil
}

// content is the message, or the part of it, whose file is meant; nil when it is not known.
func (src Source) content() *waE2E.Message {
	if src.Part == "" || src.Raw == nil {
		return src.Raw
	}
	return message.Part(src.Raw, src.Part)
}

func gone(err error) bool {
	return errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith403) ||
		errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith404) ||
		errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith410)
}

// retryTime is how long the phone gets to upload a file again.
const retryTime = 30 * time.Second

// pathAgain asks the phone to upload a file that WhatsApp no longer has, and
// returns its new path. NotFound when the phone does not have the file either, or
// does not answer.
func pathAgain(
	ctx context.Context, cli *whatsmeow.Client, info types.MessageInfo, file whatsmeow.DownloadableMessage,
) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, retryTime)
	defer cancel()
	answers := make(chan *events.MediaRetry, 1)
	handler := cli.AddEventHandler(func(event any) {
		if e, ok := event.(*events.MediaRetry); ok && e.MessageID == info.ID {
			select {
			case answers <- e:
			default:
			}
		}
	})
	defer cli.RemoveEventHandler(handler)
	if err := cli.SendMediaRetryReceipt(ctx, &info, file.GetMediaKey()); err != nil {
		return "", err
	}
	var answer *events.MediaRetry
	select {
	case answer = <-answers:
	case <-ctx.Done():
		// As whatsapp-web.js has it, there is no file now.
		return "", noFile("WhatsApp does not have this file any more, and the phone, which may be off, did not answer")
	}
	retry, err := whatsmeow.DecryptMediaRetryNotification(answer, file.GetMediaKey())
	failed := err == nil && retry.GetResult() != waMmsRetry.MediaRetryNotification_SUCCESS
	if failed || errors.Is(err, whatsmeow.ErrMediaNotAvailableOnPhone) {
		return "", noFile("neither WhatsApp nor the phone has this file any more")
	}
	if err != nil {
		return "", fmt.Errorf("read the phone's answer: %w", err)
	}
	if retry.GetDirectPath() == "" {
		return "", noFile("the phone did not say where it uploaded this file")
	}
	return retry.GetDirectPath(), nil
}
