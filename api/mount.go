package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/method"
	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// Mount is what another package gets to add its routes to the server: the same
// authentication, the same errors, the same document.
type Mount struct {
	*route.Router
	*auth.Auth
	managed   map[string]Managed
	opened    catalog.Opened
	instances *instances
	open      map[string]bool
}

// SaveInstance writes a new instance with its first key, or nothing.
type SaveInstance func(ctx context.Context, in store.Instance, key store.APIKey) error

// MakeInstance makes an instance for the user who asks, within their limits and those of
// the installation. It returns the instance and its key, which is shown this once.
func (m *Mount) MakeInstance(ctx context.Context, name string, save SaveInstance) (InstanceView, string, error) {
	return m.instances.create(ctx, name, "", m.instances.cfg.SendsPerMinute, save)
}

// MayMakeInstance returns nil when MakeInstance would make one now, and otherwise says which
// limit is reached. It holds no place.
func (m *Mount) MayMakeInstance(ctx context.Context) error {
	_, err := m.instances.room(ctx, 0, 0)
	return err
}

// RawEventsChanged says that webhooks of an instance may have begun or ceased to want the
// raw content of messages. It returns when the worker knows, or cannot be told now.
func (m *Mount) RawEventsChanged(ctx context.Context, id supervisor.ID) {
	m.instances.followRawEvents(ctx, id)
}

// AnyOrigin lets pages of any origin ask the path and read its answers. That is right
// for a route that takes a bearer token, and nothing that a browser sends by itself.
func (m *Mount) AnyOrigin(path string) { m.open[path] = true }

// Method adds a method of the catalog that the package answers.
func (m *Mount) Method(name string, do Managed) { m.managed[name] = do }

// CheckSend checks a call that is to be made later against the catalog: it is a
// method that sends, and its parameters have the right form. It returns them.
func (m *Mount) CheckSend(name string, params json.RawMessage) (json.RawMessage, error) {
	known, err := method.Find(m.opened, http.MethodPost, name)
	if err != nil {
		return nil, err
	}
	if !known.Sends {
		return nil, fault.Bad("api.CheckSend", "method", "method: %s sends nothing, so it cannot be queued", known.Name)
	}
	checked, err := method.Read(known, params)
	return checked.Raw, err
}

// queueFiles keeps the files of forms that go into the queue.
type queueFiles interface {
	NewSendFile(ctx context.Context, instance supervisor.ID) (id string, err error)
	AddToSendFile(ctx context.Context, id string, part int, data []byte, upload string) error
	DropSendFiles(ctx context.Context, ids []string) error
}

type queuedFiles struct{}

// QueuedFiles names the files of the request's form, which belong to no send yet.
func QueuedFiles(ctx context.Context) []string {
	ids, _ := ctx.Value(queuedFiles{}).([]string)
	return ids
}

// queueForm takes a form that goes into the queue: its files are in the database when it
// returns, and its fields are the body that the same request would have as JSON. The
// worker may not be there yet.
func (b *bodies) queueForm(c echo.Context) error {
	req := c.Request()
	in, err := b.auth.Instance(req.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	reader, err := req.MultipartReader()
	if err != nil {
		return fault.Bad(opUpload, "body", "the form cannot be read: %s", err)
	}
	ctx, step, end := b.formTime(req.Context())
	defer end()
	var ids []string
	// What no send has taken when the request ends is deleted, or else a day later with
	// what is too old.
	defer func() {
		if len(ids) == 0 {
			return
		}
		context.AfterFunc(req.Context(), func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(req.Context()), dropTime)
			defer cancel()
			_ = b.files.DropSendFiles(ctx, ids)
		})
	}()
	texts, files, err := b.readForm(ctx, reader, func(part *multipart.Part) (map[string]any, error) {
		return takeFile(ctx, part, step, func(r io.Reader) (string, int64, error) {
			id, err := b.files.NewSendFile(ctx, in.ID)
			if err != nil {
				return "", 0, err
			}
			ids = append(ids, id)
			return b.keepFile(ctx, id, r)
		})
	}, "method", "sendAt")
	if err != nil {
		return err
	}
	body := map[string]any{}
	for _, name := range []string{"method", "sendAt"} {
		if text := string(texts[name]); text != "" {
			body[name] = text
		}
	}
	name, _ := body["method"].(string)
	if known, ok := catalog.Lookup(cmp.Or(name, "sendMessage")); ok && !known.TakesMedia() {
		return fault.Bad(opUpload, "body", "%s takes no file; send the parameters as JSON", known.Name)
	}
	placed, err := placeFiles(texts["params"], files)
	if err != nil {
		return err
	}
	body["params"] = json.RawMessage(placed)
	data, err := json.Marshal(body)
	if err != nil {
		return fault.Wrap(fault.Internal, opUpload, err, "internal error")
	}
	req.Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	c.SetRequest(req.WithContext(context.WithValue(req.Context(), queuedFiles{}, ids)))
	return b.inspect(c, data)
}

// keepFile writes a file into the database as it comes, and returns the SHA-256 of it.
func (b *bodies) keepFile(ctx context.Context, id string, r io.Reader) (name string, size int64, err error) {
	sum := sha256.New()
	buf := make([]byte, uploadPart)
	for part := 0; ; part++ {
		n, err := io.ReadFull(r, buf)
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return "", 0, err
		}
		sum.Write(buf[:n])
		if size += int64(n); size > b.cfg.MaxFile {
			return "", 0, &fault.Error{Kind: fault.TooLarge, Op: opUpload, Field: "file", Msg: fmt.Sprintf("the file is larger than %d bytes", b.cfg.MaxFile)}
		}
		if ended {
			name = hex.EncodeToString(sum.Sum(nil))
		}
		if err := b.files.AddToSendFile(ctx, id, part, buf[:n], name); err != nil || ended {
			return name, size, err
		}
	}
}

const dropTime = 5 * time.Second
