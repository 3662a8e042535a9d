package arrival

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"whatsapp-manager/api"
	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/intake"
	"whatsapp-manager/api/route"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/apart"
	"whatsapp-manager/supervisor/moving/formats"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/carry"
)

const (
	op = "api.import"

	// MaxBody is the largest file that is taken over HTTP. The command takes larger ones.
	MaxBody = 256 << 20
	// Prefix begins the names of the directories in which bodies are kept while they are
	// read. One that is left was cut off.
	Prefix = "incoming-"
	// bufferSize is what a body holds of the memory on its way to a file.
	bufferSize = 256 << 10

	wholeTime    = 10 * time.Minute
	progressTime = 30 * time.Second

	headerPassword = "X-Current-Password"
)

// Reader reads an account in another process; apart.Reader is one.
type Reader interface {
	Read(ctx context.Context, req apart.Request) (apart.Result, error)
}

// Routes adds the route. dir is where bodies are kept while they are read.
func Routes(st *store.Store, reader Reader, dir string) func(*api.Mount) {
	return func(m *api.Mount) {
		a := &arrivals{mount: m, store: st, reader: reader, dir: dir, running: make(chan struct{}, 1), users: map[string]bool{}}
		m.Echo().POST("/api/instances/import", m.Authenticated(route.SignedIn, a.take))
		text := &huma.Schema{Type: huma.TypeString}
		m.Document(&huma.Operation{
			OperationID: "import-instance", Method: http.MethodPost, Path: "/api/instances/import", Tags: []string{"Instances"},
			Summary: "Make an instance of an account of another program, without a new QR code",
			Description: "The body is the other program's file, or a zip or tar archive of its folder, up to 256 MiB. All of it is taken or nothing. " +
				"The instance is stopped: end the other program first, then start it.",
			Security: route.Security(route.SignedIn),
			Parameters: []*huma.Param{
				{Name: "from", In: "query", Required: true, Schema: &huma.Schema{Type: huma.TypeString, Enum: forms()}, Description: "The other program's form"},
				{Name: "device", In: "query", Schema: text, Description: "Which device to take, where the file holds several", Example: "4915112345678:3@s.whatsapp.net"},
				{Name: "name", In: "query", Schema: text, Description: "Name of the instance; absent: the account's own name"},
				{Name: headerPassword, In: "header", Schema: text, Description: "Needed when the login is more than ten minutes old"},
			},
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{echo.MIMEOctetStream: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}},
			Responses: map[string]*huma.Response{"201": {
				Description: "The instance, its API key (shown only this once), and what was taken and lost",
				Content:     map[string]*huma.MediaType{echo.MIMEApplicationJSON: {}},
			}},
		})
	}
}

func forms() []any {
	var all []any
	for _, f := range formats.Files() {
		all = append(all, f)
	}
	return all
}

type arrivals struct {
	mount   *api.Mount
	store   *store.Store
	reader  Reader
	dir     string
	running chan struct{} // holds a token while an account is read

	mu    sync.Mutex
	users map[string]bool // guarded by mu; those who have an import under way
}

// arrived is the answer.
type arrived struct {
	Instance api.InstanceView `json:"instance"`
	APIKey   string           `json:"apiKey"`
	Report   *moving.Report   `json:"report"`
}

func (a *arrivals) take(c echo.Context) error {
	req := c.Request()
	ctx, cancel := context.WithTimeout(req.Context(), wholeTime)
	defer cancel()
	form, name := c.QueryParam("from"), strings.TrimSpace(c.QueryParam("name"))
	if err := formats.Known(form); err != nil {
		return err
	}
	if len([]rune(name)) > 100 {
		return fault.Bad(op, "name", "name: has more than 100 characters")
	}
	if auth.Of(ctx).User == nil {
		return fault.New(fault.Forbidden, op, "this needs a user's access token")
	}
	if err := a.mount.Confirm(ctx, req.Header.Get(headerPassword)); err != nil {
		return err
	}
	if err := a.mount.MayMakeInstance(ctx); err != nil {
		return err
	}
	end, err := a.begin(auth.Of(ctx).User.ID)
	if err != nil {
		return err
	}
	defer end()
	dir, err := os.MkdirTemp(a.dir, Prefix) // of mode 0700
	if err != nil {
		return fault.Wrap(fault.Unavailable, op, err, "the file cannot be kept: the server's disk is full or not writable")
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "body")
	if err := keep(ctx, path); err != nil {
		return err
	}
	res, err := a.read(ctx, apart.Request{Form: form, Dir: dir, Path: path, Device: c.QueryParam("device"), Book: trace.Of(ctx).Account.Take})
	if err != nil {
		return err
	}
	defer res.Close()
	// Much may have happened while the body came.
	if ctx, err = a.mount.Renew(ctx); err != nil {
		return err
	}
	out := arrived{Report: res.Report}
	out.Instance, out.APIKey, err = a.mount.MakeInstance(ctx, moving.NameFor(name, res.Report), func(ctx context.Context, in store.Instance, key store.APIKey) error {
		return carry.In(ctx, a.store, in, key, res.Account, res.Rest, form)
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, out)
}

// begin notes that the user has an import under way, until end is called.
func (a *arrivals) begin(user string) (end func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.users[user] {
		return nil, errRunning("another import of yours is running; try again when it has ended")
	}
	a.users[user] = true
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.users, user)
	}, nil
}

// read waits for its turn: only one account is read at a time.
func (a *arrivals) read(ctx context.Context, req apart.Request) (apart.Result, error) {
	select {
	case a.running <- struct{}{}:
		defer func() { <-a.running }()
		return a.reader.Read(ctx, req)
	case <-ctx.Done():
		return apart.Result{}, errRunning("other imports are running; try again when they have ended")
	}
}

func errRunning(msg string) error {
	return &fault.Error{Kind: fault.RateLimited, Op: op, Code: "import_running", Msg: msg, RetryAfter: 5 * time.Second}
}

// keep writes the request's body to a file, as it comes.
func keep(ctx context.Context, path string) error {
	body := intake.Of(ctx)
	if body == nil {
		return fault.Bad(op, "body", "body: must be the file of the other program, or an archive of its folder")
	}
	if body.Announced() > MaxBody {
		return intake.TooLarge(MaxBody)
	}
	body.Within(wholeTime, progressTime)
	file, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep body: %w", err)
	}
	account := trace.Of(ctx).Account
	if err := account.Take(bufferSize); err != nil {
		return errors.Join(err, file.Close())
	}
	defer account.Give(bufferSize)
	counted := int64(0)
	buffer := make([]byte, bufferSize)
	for {
		n, readErr := body.Read(buffer)
		if counted += int64(n); counted > MaxBody {
			err = intake.TooLarge(MaxBody)
		}
		if err == nil && n > 0 {
			if _, werr := file.Write(buffer[:n]); werr != nil {
				err = fault.Wrap(fault.Unavailable, op, werr, "the file cannot be kept: the server's disk is full or not writable")
			}
		}
		if err == nil && readErr != nil && !errors.Is(readErr, io.EOF) {
			err = intake.Broken(readErr)
		}
		if err != nil || readErr != nil {
			break
		}
	}
	return errors.Join(err, file.Close())
}
