package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/relay/param"
)

// Op is the operation that errors of calls name.
const Op = param.Op

// Deps is what the methods work with.
type Deps struct {
	// CurrentClient returns the present client, nil while it is being rebuilt.
	CurrentClient func() *whatsmeow.Client
	Mirror        *mirror.Mirror
	// Link returns the state of the connection as the worker reports it.
	Link func() *workerv1.Link
	// Logout ends the pairing as the Logout RPC does.
	Logout func(context.Context) error
	// Files works with the files of calls.
	Files *media.Files
	Log   zerolog.Logger
	// Ready replaces the check of a method's needs in tests of what whatsmeow does
	// with odd parameters; nil: the real check.
	Ready func(*whatsmeow.Client, Need) error
}

// Table answers calls. It is safe for concurrent use and keeps no state but a cache.
type Table struct {
	deps    Deps
	methods map[string]Method
	ready   func(*whatsmeow.Client, Need) error
	reached reachedCache
	writing chan struct{} // holds a token while app state is written
	sending inFlight
	meeting meeting
}

// New returns the table of these methods. It starts nothing.
func New(deps Deps, families ...[]Method) *Table {
	t := &Table{deps: deps, methods: map[string]Method{}, reached: newReachedCache(), writing: make(chan struct{}, 1)}
	for _, family := range families {
		for _, m := range family {
			t.methods[m.Name()] = m
		}
	}
	t.ready = deps.Ready
	if t.ready == nil {
		t.ready = t.deps.Check
	}
	return t
}

// Request is a call as it comes.
type Request struct {
	Method string
	Params json.RawMessage // a JSON array; empty or null: no parameters
	// MessageID is WhatsApp's id for what a sending method sends; a second call with
	// the same one waits for the first and does not send twice. Empty: one is made.
	MessageID string
	// First says that no earlier call had this MessageID, so that there is no need to
	// look whether it was sent.
	First bool
	// FirstContacts is what the call may write to people who never wrote; nil: anything.
	FirstContacts *workerv1.FirstContacts
}

// Do runs one method and answers with a JSON value. Every error is a *fault.Error. A
// panic inside is recovered and becomes one.
func (t *Table) Do(ctx context.Context, r Request) (json.RawMessage, error) {
	return t.run(ctx, r.Method, r.Params, &Call{
		MessageID: r.MessageID, first: r.First, contacts: r.FirstContacts,
	})
}

// Call is Do for a call that says nothing else.
func (t *Table) Call(
	ctx context.Context, method string, params json.RawMessage, messageID string,
) (json.RawMessage, error) {
	return t.Do(ctx, Request{Method: method, Params: params, MessageID: messageID})
}

func (t *Table) run(
	ctx context.Context, method string, params json.RawMessage, c *Call,
) (result json.RawMessage, err error) {
	defer c.leave()
	defer func() {
		if p := recover(); p != nil {
			// The value of a panic may quote parameters; its stack does not.
			t.deps.Log.Error().Str("method", clipName(method)).Str("panic", fmt.Sprintf("%T", p)).
				Bytes("stack", debug.Stack()).Msg("method panicked")
			result, err = nil, fault.New(fault.Internal, Op, "internal error in %s", clipName(method))
		}
		if err != nil {
			err = c.heed(ctx, err, c.finish(err))
		}
	}()
	c.Deps, c.table = &t.deps, t
	if !utf8.ValidString(method) || !utf8.Valid(params) {
		return nil, fault.Bad(Op, "params", "expected valid UTF-8")
	}
	list, err := split(params)
	if err != nil {
		return nil, err
	}
	if c.MessageID != "" {
		if !IsMessageID(c.MessageID) {
			return nil, fault.Bad(Op, "message_id", "expected 8 to 64 letters and digits")
		}
		leave, err := t.sending.enter(ctx, c.MessageID)
		if err != nil {
			c.MarkSent() // the call that goes on under this id may send
			return nil, err
		}
		defer leave()
	}
	m, ok := t.methods[method]
	if !ok {
		return nil, unknownMethod(method)
	}
	c.Media = t.deps.Files.Work(c.upload)
	defer c.Media.Release()
	return m.Run(c.Media.Bounded(ctx), c, list)
}

// unknownMethod returns NotFound, and names the method that was probably meant.
func unknownMethod(method string) error {
	f := fault.New(fault.NotFound, Op, "unknown method %q", clipName(method))
	names, err := catalog.Names()
	if err != nil {
		return f
	}
	if near := catalog.Suggest(method, names); len(near) > 0 {
		f.Msg += "; did you mean " + near[0] + "?"
	}
	return f
}

// split takes the array of parameters apart.
func split(params json.RawMessage) ([]json.RawMessage, error) {
	params = bytes.TrimSpace(params)
	if len(params) == 0 || string(params) == "null" {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(params, &list); err != nil {
		return nil, fault.Bad(Op, "params", "expected a JSON array of positional parameters")
	}
	return list, nil
}

// IsMessageID tells whether an id given by the caller looks like one of
// WhatsApp's, so that it fits everywhere an id goes.
func IsMessageID(id string) bool {
	if len(id) < 8 || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		if c < '0' || c > '9' && c < 'A' || c > 'Z' && c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

func clipName(name string) string {
	name = strings.ToValidUTF8(name, "?")
	if len(name) > 80 {
		return strings.ToValidUTF8(name[:80], "") + "…"
	}
	return name
}
