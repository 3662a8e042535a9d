package moves

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/cmd/internal/lab"
	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

var (
	bin string        // directory of the built programs
	sim *wasim.Server // one for all tests: accounts keep them apart
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run tests with built programs and a simulator that whatsmeow in this process trusts.
func run(m *testing.M) (code int, err error) {
	ctx := context.Background()
	l, err := lab.Start(ctx, "moves")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	bin, sim = l.Bin, l.Sim
	whatsmeow.WACertPubKey = sim.Root().Public()
	err = lab.Build(ctx, bin, nil, lab.Program{Package: lab.Manager}, lab.Program{Package: lab.Worker})
	if err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// patience is for whatever is not expected to fail.
const patience = time.Minute

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func deadline(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, env ...string) *stack.Stack {
	t.Helper()
	s, err := stack.Start(deadline(t, patience), stack.Options{Bin: bin, Endpoint: sim.Endpoint(), Env: append([]string{"WAM_HEALTH_INTERVAL=1s"}, env...)})
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Tail())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var numbers atomic.Uint64

func person(t *testing.T, name string) *wasim.Account {
	t.Helper()
	account, err := sim.CreateAccount(fmt.Sprint(15570000000+numbers.Add(1)), name, wasim.AccountOptions{})
	must(t, err)
	return account
}

func say(t *testing.T, from *wasim.Account, to types.JID, text string) {
	t.Helper()
	_, err := from.Phone().SendText(deadline(t, patience), to, text)
	must(t, err)
}

// heard waits until the account's phone has decrypted a text.
func heard(t *testing.T, a *wasim.Account, text string) phone.Received {
	t.Helper()
	got := make(chan phone.Received, 1)
	offer := func(r phone.Received) {
		if r.Text == text {
			select {
			case got <- r:
			default:
			}
		}
	}
	defer a.Phone().Subscribe(offer)()
	for _, r := range a.Phone().Received() {
		offer(r)
	}
	select {
	case r := <-got:
		return r
	case <-deadline(t, patience).Done():
		t.Fatalf("%q never reached the phone of %s", text, a.Phone().PushName())
		return phone.Received{}
	}
}

// nobodyAsked fails when somebody asked the account's phone to send a message again: then
// keys did not fit.
func nobodyAsked(t *testing.T, a *wasim.Account) {
	t.Helper()
	for _, r := range a.Phone().Receipts() {
		if r.Type == string(types.ReceiptTypeRetry) {
			t.Errorf("%s was asked to send a message again: %+v", a.Phone().PushName(), r)
		}
	}
}

// settler is an instance that an account moved into.
type settler struct {
	stack   *stack.Stack
	id, key string
	report  moving.Report
}

// moveIn imports with the command and starts the instance.
func moveIn(t *testing.T, s *stack.Stack, form, path string, args ...string) *settler {
	t.Helper()
	ctx := deadline(t, 2*patience)
	said, err := s.Run(ctx, append([]string{"instances", "import", path, "--from", form}, args...)...)
	must(t, err)
	var out struct {
		Instance, APIKey string
		Report           moving.Report
	}
	_, printed, _ := strings.Cut(said, "{\n") // behind the log
	if err := json.Unmarshal([]byte("{"+printed), &out); err != nil {
		t.Fatalf("the command said: %s", said)
	}
	return &settler{s, out.Instance, out.APIKey, out.Report}
}

func (s *settler) begin(t *testing.T) {
	t.Helper()
	ctx := deadline(t, patience)
	_, err := s.stack.Client.Until(ctx, s.id, "stopped", func(in stack.Instance) bool { return in.State == "stopped" })
	must(t, err)
	must(t, s.stack.Client.Start(ctx, s.id))
	_, err = s.stack.Client.Ready(ctx, s.id)
	must(t, err)
}

func (s *settler) call(t *testing.T, method string, result any, params ...any) {
	t.Helper()
	must(t, s.stack.Client.Call(deadline(t, patience), s.key, method, result, params...))
}

func (s *settler) send(t *testing.T, to, text string) {
	t.Helper()
	var m stack.Message
	s.call(t, "sendMessage", &m, to, text)
}

// got waits until the instance's feed has a text.
func (s *settler) got(t *testing.T, text string) {
	t.Helper()
	ctx := deadline(t, patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var page struct {
			Events []stack.Event `json:"events"`
		}
		must(t, s.stack.Client.Want(ctx, http.StatusOK, http.MethodGet, "/api/instances/"+s.id+"/events?limit=500", nil, &page))
		if slices.ContainsFunc(page.Events, func(e stack.Event) bool {
			m, err := e.Message()
			return e.Event == "message" && err == nil && m.Body == text
		}) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%q is not in the feed: %v", text, page.Events)
		case <-tick.C:
		}
	}
}

// moveOut exports with the command, which ends the instance.
func (s *settler) moveOut(t *testing.T, form, path string) {
	t.Helper()
	_, err := s.stack.Run(deadline(t, 2*patience), "instances", "export", s.id, path, "--move", "--to", form)
	must(t, err)
}
