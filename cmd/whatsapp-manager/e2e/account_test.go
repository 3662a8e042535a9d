package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// numbers gives every account of the test run a phone number of its own.
var numbers atomic.Uint64

func number() string { return fmt.Sprint(15550000000 + numbers.Add(1)) }

// person creates somebody with a phone and no companion.
func person(t *testing.T, name string, o wasim.AccountOptions) *wasim.Account {
	t.Helper()
	account, err := sim.CreateAccount(number(), name, o)
	must(t, err)
	return account
}

// linked is an instance with a paired account.
type linked struct {
	*wasim.Account
	stack   *stack.Stack
	id, key string
}

// link creates an instance, starts it, and scans its QR code with the account's phone.
func link(t *testing.T, s *stack.Stack, account *wasim.Account) *linked {
	t.Helper()
	return linkAs(t, s, s.Client, account)
}

// linkAs is link by another user of the installation.
func linkAs(t *testing.T, s *stack.Stack, user *stack.Client, account *wasim.Account) *linked {
	t.Helper()
	ctx := deadline(t, time.Minute)
	id, key, err := user.Create(ctx, "instance of "+account.Number())
	must(t, err)
	must(t, user.Start(ctx, id))
	qr, err := user.QR(ctx, id)
	must(t, err)
	must(t, account.ScanQR(ctx, qr))
	_, err = user.Ready(ctx, id)
	must(t, err)
	return &linked{Account: account, stack: s, id: id, key: key}
}

// wid is the account's id as integrators write it.
func wid(a *wasim.Account) string { return a.Number() + "@c.us" }

func (l *linked) call(t *testing.T, method string, result any, params ...any) {
	t.Helper()
	must(t, l.stack.Client.Call(deadline(t, 30*time.Second), l.key, method, result, params...))
}

// text sends through the instance and returns the message.
func (l *linked) text(t *testing.T, to, body string) stack.Message {
	t.Helper()
	var m stack.Message
	l.call(t, "sendMessage", &m, to, body)
	return m
}

// events reads the whole feed as it stands.
func (l *linked) events(t *testing.T) []stack.Event {
	t.Helper()
	all, err := readFeed(deadline(t, 30*time.Second), l)
	must(t, err)
	return all
}

func readFeed(ctx context.Context, l *linked) ([]stack.Event, error) {
	var all []stack.Event
	after := uint64(0)
	for {
		var page struct {
			Events []stack.Event `json:"events"`
		}
		if err := l.stack.Client.Want(ctx, http.StatusOK, http.MethodGet,
			fmt.Sprintf("/api/instances/%s/events?after=%d&limit=500", l.id, after), nil, &page); err != nil {
			return nil, err
		}
		if len(page.Events) == 0 {
			return all, nil
		}
		all = append(all, page.Events...)
		after = page.Events[len(page.Events)-1].Seq
	}
}

// hook gives the instance a webhook endpoint that posts to r.
func (l *linked) hook(t *testing.T, r *stack.Receiver, events ...string) {
	t.Helper()
	body := map[string]any{"url": r.URL()}
	if len(events) > 0 {
		body["events"] = events
	}
	var out struct {
		Webhook struct {
			ID string `json:"id"`
		} `json:"webhook"`
		Secret string `json:"secret"`
	}
	must(t, l.stack.Client.Want(deadline(t, 10*time.Second), http.StatusCreated, http.MethodPost,
		"/api/instances/"+l.id+"/webhooks", body, &out))
	if out.Secret == "" {
		t.Fatal("the signing secret was not shown")
	}
	r.Expect(out.Secret)
}

func receiver(t *testing.T) *stack.Receiver {
	t.Helper()
	r, err := stack.NewReceiver()
	must(t, err)
	t.Cleanup(func() {
		for _, err := range r.Bad() {
			t.Error("webhook:", err)
		}
		r.Close()
	})
	return r
}

// wait blocks until the phone's ledger satisfies ok.
func wait(t *testing.T, p *phone.Phone, what string, ok func(phone.Received) bool) phone.Received {
	t.Helper()
	arrived := make(chan phone.Received, 1)
	offer := func(r phone.Received) {
		if ok(r) {
			select {
			case arrived <- r:
			default:
			}
		}
	}
	defer p.Subscribe(offer)()
	for _, r := range p.Received() {
		offer(r)
	}
	select {
	case r := <-arrived:
		return r
	case <-time.After(30 * time.Second):
		t.Fatalf("%s never reached the phone", what)
		return phone.Received{}
	}
}

// eventually polls what has no event to wait for, such as an answer of the API.
func eventually(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx := deadline(t, d)
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, d)
		case <-tick.C:
		}
	}
}

func say(t *testing.T, from *wasim.Account, to types.JID, text string) types.MessageID {
	t.Helper()
	id, err := from.Phone().SendText(deadline(t, 20*time.Second), to, text)
	must(t, err)
	return id
}
