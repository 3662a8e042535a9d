package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/reflect/protoreflect"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/bounds"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/spool"
)

// mediaRows fetch files.
var mediaRows = []row{
	{name: "Message.downloadMedia", class: "Message", result: "MessageMedia|undefined", need: needOnline, params: messageOnly, example: messageExample,
		doc: "Downloads this message's file; null for a message without one, and when WhatsApp and the phone no longer have it.", do: ofMessage(downloadMedia)},
	{name: "MessageMedia.fromUrl", class: "MessageMedia", result: "MessageMedia",
		params: []param{
			{name: "url", kind: kindURL},
			{name: "options", kind: kindFetch, optional: true, doc: "filename, unsafeMime (true: the type by the file's bytes when nothing else tells it)"},
		},
		doc:     "Fetches a file from a public address.",
		example: `["https://example.org/picture.jpg"]`, do: fromURL},
	{name: "MessageMedia.fromFilePath", class: "MessageMedia", result: "MessageMedia", doc: "Reads a file of the caller's machine.",
		impossible: "the files are on the caller's machine and not on the server; read it there and pass {mimetype, data, filename}"},
}

type fetchedOptions struct {
	Filename   *string         `json:"filename"`
	UnsafeMime bool            `json:"unsafeMime"`
	Client     json.RawMessage `json:"client"`
	ReqOptions json.RawMessage `json:"reqOptions"`
}

var (
	kindURL = kind{"string", func(raw json.RawMessage, path string) (any, error) {
		text, err := value.String(raw, path)
		if err == nil && (text == "" || len(text) > 8192) {
			err = bad(path, "expected a URL")
		}
		return text, err
	}}
	kindFetch = kindObject("MediaFromURLOptions", func(o *fetchedOptions, path string) error {
		for name, given := range map[string]json.RawMessage{"client": o.Client, "reqOptions": o.ReqOptions} {
			if !isNull(given) {
				return fault.New(fault.Unimplemented, op, "%s.%s: there is no browser to fetch with", path, name)
			}
		}
		return nil
	})
)

// mediaAnswer is MessageMedia as a result, as it is read; encodeMedia writes it.
type mediaAnswer struct {
	Mimetype string  `json:"mimetype"`
	Data     string  `json:"data"`
	Filename *string `json:"filename,omitempty"`
	Filesize int     `json:"filesize,omitempty"`
}

func fromURL(ctx context.Context, c *call) (any, error) {
	options := arg[fetchedOptions](c, 1)
	m := &messageMedia{URL: arg[string](c, 0), Filename: options.Filename}
	if err := m.fetch(ctx, c, "params[0]"); err != nil {
		return nil, err
	}
	return encodeMedia(mediaAnswer{Mimetype: m.Mimetype, Filename: m.Filename}, bytes.NewReader(m.raw), len(m.raw))
}

// maxDownload bounds a file that travels inside JSON.
const maxDownload = 64 << 20

func downloadMedia(ctx context.Context, c *call, r mirror.Record) (any, error) {
	file, ok := attachment(r)
	if !ok {
		return nil, nil
	}
	if claimed(file) > maxDownload {
		return nil, fileTooLarge(maxDownload)
	}
	// Into a file first: how large it is, is known when it has come.
	f, err := c.Spool.Pass(maxDownload, func(f *spool.File) error { return c.download(ctx, r, file, maxDownload, f) })
	var none *fault.Error
	if errors.As(err, &none) && none.Code == codeNoFile {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err = c.memory.Take(ctx, f.Size*perByteEncoded); err != nil {
		return nil, err
	}
	var answer mediaAnswer
	var name string
	if answer.Mimetype, name = described(file); name != "" {
		answer.Filename = &name
	}
	return encodeMedia(answer, f, int(f.Size))
}

// claimed is the size that the sender gave a file, zero without one. It only
// saves the way to a file that is too large by its own word.
func claimed(file whatsmeow.DownloadableMessage) uint64 {
	if sized, ok := file.(interface{ GetFileLength() uint64 }); ok {
		return sized.GetFileLength()
	}
	return 0
}

func fileTooLarge(most int64) error {
	return &fault.Error{Kind: fault.TooLarge, Op: op, Msg: fmt.Sprintf("the file is larger than %d bytes", most)}
}

// download writes the file of a message, from WhatsApp or, when that no longer
// has it, once more from the phone. NotFound when neither has it.
func (c *call) download(ctx context.Context, r mirror.Record, file whatsmeow.DownloadableMessage, most int64, f *spool.File) error {
	// What is encrypted has some bytes more.
	ctx = bounds.With(ctx, &bounds.Limit{Most: most + encryptedMore})
	err := c.cli.DownloadToFile(ctx, file, f)
	if !gone(err) {
		return err
	}
	path, err := c.pathAgain(ctx, r, file)
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

// attachment returns what can be downloaded of a message; false when it has
// nothing, or not any more.
func attachment(r mirror.Record) (whatsmeow.DownloadableMessage, bool) {
	if r.Raw == nil {
		return nil, false
	}
	var file whatsmeow.DownloadableMessage
	shape.Unwrap(r.Raw).Message.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.Kind() != protoreflect.MessageKind || fd.IsList() || fd.IsMap() {
			return true
		}
		if d, ok := v.Message().Interface().(whatsmeow.DownloadableMessage); ok && d.GetDirectPath() != "" && len(d.GetMediaKey()) > 0 && whatsmeow.GetMediaType(d) != "" {
			file = d
			return false
		}
		return true
	})
	return file, file != nil
}

func gone(err error) bool {
	return errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith403) || errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith404) || errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith410)
}

// retryTime is how long the phone gets to upload a file again.
const retryTime = 30 * time.Second

// pathAgain asks the phone to upload a file that WhatsApp no longer has, and
// returns where it is then. Nothing and no error when the phone does not have it
// either, or does not answer.
func (c *call) pathAgain(ctx context.Context, r mirror.Record, file whatsmeow.DownloadableMessage) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, retryTime)
	defer cancel()
	answers := make(chan *events.MediaRetry, 1)
	handler := c.cli.AddEventHandler(func(event any) {
		if e, ok := event.(*events.MediaRetry); ok && e.MessageID == r.ID {
			select {
			case answers <- e:
			default:
			}
		}
	})
	defer c.cli.RemoveEventHandler(handler)
	info := &types.MessageInfo{ID: r.ID, MessageSource: types.MessageSource{Chat: r.Chat, Sender: r.Sender, IsFromMe: r.FromMe, IsGroup: r.Chat.Server == types.GroupServer}}
	if err := c.cli.SendMediaRetryReceipt(ctx, info, file.GetMediaKey()); err != nil {
		return "", err
	}
	var answer *events.MediaRetry
	select {
	case answer = <-answers:
	case <-ctx.Done():
		return "", nil // the phone may be off; as whatsapp-web.js has it, there is no file now
	}
	retry, err := whatsmeow.DecryptMediaRetryNotification(answer, file.GetMediaKey())
	if errors.Is(err, whatsmeow.ErrMediaNotAvailableOnPhone) || err == nil && retry.GetResult() != waMmsRetry.MediaRetryNotification_SUCCESS {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the phone's answer: %w", err)
	}
	return retry.GetDirectPath(), nil
}
