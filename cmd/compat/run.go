package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime/debug"
	"strings"

	"whatsapp-manager/cmd/internal/stack"
)

// check does one method and looks for its effect. how says where it was seen;
// a panic(failure) says what was wrong.
type check struct {
	how string
	do  func(w *world)
}

// runAll runs every case of the reference, in its order, in one world.
func runAll(ctx context.Context, bin, endpoint, only string) (results []result, err error) {
	if bin, err = filepath.Abs(bin); err != nil {
		return nil, err
	}
	if endpoint == "" {
		var end func() error
		if endpoint, end, err = startStandIn(ctx, bin); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	w := &world{ctx: ctx, control: strings.SplitN(endpoint, "/?", 2)[0]}
	w.files = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(rw, "from a URL")
	}))
	defer w.files.Close()
	if w.stack, err = stack.Start(ctx, stack.Options{
		Bin: bin, Endpoint: endpoint,
		Env: []string{"WAM_MEDIA_NETWORKS=127.0.0.0/8", "WAM_WHATSMEOW_METHODS=SendAppState"},
	}); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.stack.Close()) }()
	if err := guard(w.populate); err != nil {
		return nil, fmt.Errorf("set up: %w", err)
	}
	for _, m := range methods() {
		if !strings.Contains(m.name, only) {
			continue
		}
		results = append(results, w.one(m))
	}
	return results, nil
}

func (w *world) one(m method) result {
	if m.browser {
		_, err := w.a.try(m.name)
		var refused *refusal
		if !errors.As(err, &refused) || refused.status != http.StatusNotImplemented || refused.message == "" {
			return result{m.name, "", fmt.Sprintf("answered %v, not 501 with a reason", err)}
		}
		return result{m.name, "501 with the reason", ""}
	}
	c, ok := cases[m.name]
	if !ok {
		return result{m.name, "", "no case"}
	}
	if err := guard(func() { c.do(w) }); err != nil {
		var refused *refusal
		if errors.As(err, &refused) && refused.code == "unknown_method" {
			return result{m.name, "", "missing"}
		}
		return result{m.name, "", "wrong: " + err.Error()}
	}
	return result{m.name, c.how, ""}
}

// guard turns a case's panic into an error.
func guard(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			err = p.err
		default:
			err = fmt.Errorf("the case itself broke: %v\n%s", p, debug.Stack())
		}
	}()
	f()
	return nil
}

// populate brings the accounts together.
func (w *world) populate() {
	must := func(a *account, err error) *account {
		want(err == nil, "pair: %v", err)
		return a
	}
	w.a = must(w.join("Alice", map[string]string{"number": "15550300001", "name": "Old friend"}))
	w.b = must(w.join("Bob"))
	w.c = must(w.join("Carol"))
	for _, pair := range [][2]*account{{w.a, w.b}, {w.b, w.a}, {w.a, w.c}, {w.c, w.a}, {w.b, w.c}} {
		w.say(pair[0], pair[1])
	}
	// Status messages go to those in the address book.
	for _, pair := range [][2]*account{{w.a, w.b}, {w.b, w.a}} {
		pair[0].call("saveOrEditAddressbookContact", pair[1].number, "Friend", pair[1].number)
	}
	w.group = w.makeGroup(w.a, w.b, w.c)
}
