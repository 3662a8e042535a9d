package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/bounds"
	"whatsapp-manager/worker/decode"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/spool"
	"whatsapp-manager/worker/together"
)

const op = "relay.Call"

// Deps is what the methods work with.
type Deps struct {
	// Client returns the present client, nil while it is being rebuilt.
	Client func() *whatsmeow.Client
	Mirror *mirror.Mirror
	// Link returns the state of the connection as the worker reports it.
	Link func() *workerv1.Link
	// Logout ends the pairing as the Logout RPC does.
	Logout func(context.Context) error
	// MediaNetworks are internal networks from which media may be fetched.
	MediaNetworks []netip.Prefix
	// DialMedia connects to addresses that calls name, and judges them; nil: directly,
	// to public addresses and MediaNetworks.
	DialMedia func(ctx context.Context, network, address string) (net.Conn, error)
	// Spool holds uploaded files, and those that are being downloaded.
	Spool *spool.Spool
	// Opened are the methods of whatsmeow that the operator lets callers use although they are off.
	Opened catalog.Opened
	// Decoder reads images and converts media; nil: one with a pool of its own.
	Decoder *decode.Pool
	// Memory is what files of calls may take together; nil: some 320 MiB.
	Memory *bounds.Budget
	Log    zerolog.Logger
}

// Table answers calls. It is safe for concurrent use and keeps no state but a cache.
type Table struct {
	Deps
	reached reachedCache
	writing chan struct{} // holds a token while app state is written
	sending inFlight
	// leftBehind counts methods of whatsmeow that did not end with their call.
	leftBehind atomic.Int32
	looking    chan struct{} // holds a token for each link that is looked at
	// ready replaces the check of what a method needs, in tests of what
	// whatsmeow does with odd parameters.
	ready func(*whatsmeow.Client, need) error
}

// New returns the table. It starts nothing.
func New(deps Deps) *Table {
	t := &Table{Deps: deps, writing: make(chan struct{}, 1), looking: make(chan struct{}, maxPreviews)}
	if t.Decoder == nil {
		t.Decoder = decode.New(deps.Log)
	}
	if t.Memory == nil {
		t.Memory = bounds.NewBudget(defaultFileMemory)
	}
	t.ready = t.check
	return t
}

// call is one call on its way: its decoded parameters and the client to use.
type call struct {
	*Table
	cli       *whatsmeow.Client // nil for methods that need none
	args      []any             // nil where an optional parameter was left out
	messageID string            // WhatsApp id to use for a send; empty: generate one
	first     bool              // no earlier call had this messageID
	public    bool              // it goes to a channel, whose media is not encrypted
	handle    string            // of media that was uploaded for a channel
	began     bool              // all checks are passed and the method runs
	memory    *bounds.Share     // for files that the call has in its hands
	out       atomic.Bool       // something was sent, or may have been
}

// arg returns a parameter as the type that its row promises, and the zero value
// when it was left out.
func arg[T any](c *call, i int) T {
	v, _ := c.args[i].(T)
	return v
}

// Call runs one method. Params is a JSON array (empty or null: no parameters),
// the answer a JSON value. With a messageID, a sending method uses it as
// WhatsApp's id, and a second call with the same one waits for the first and does
// not send twice. Every error is a *fault.Error; a panic inside is recovered and
// becomes one.
func (t *Table) Call(ctx context.Context, method string, params json.RawMessage, messageID string) (json.RawMessage, error) {
	return t.run(ctx, method, params, &call{Table: t, messageID: messageID})
}

// CallFirst is Call under a messageID that no earlier call had, so that there
// is no need to look whether it was sent.
func (t *Table) CallFirst(ctx context.Context, method string, params json.RawMessage, messageID string) (json.RawMessage, error) {
	return t.run(ctx, method, params, &call{Table: t, messageID: messageID, first: true})
}

func (t *Table) run(ctx context.Context, method string, params json.RawMessage, c *call) (result json.RawMessage, err error) {
	defer func() {
		if p := recover(); p != nil {
			// The value of a panic may quote parameters; its stack does not.
			t.Log.Error().Str("method", clipName(method)).Str("panic", fmt.Sprintf("%T", p)).Bytes("stack", debug.Stack()).Msg("method panicked")
			result, err = nil, fault.New(fault.Internal, op, "internal error in %s", clipName(method))
		}
		if err != nil {
			err = c.told(err)
		}
	}()
	if !utf8.ValidString(method) || !utf8.Valid(params) {
		return nil, fault.Bad(op, "params", "expected valid UTF-8")
	}
	list, err := split(params)
	if err != nil {
		return nil, err
	}
	if c.messageID != "" && !plainMessageID(c.messageID) {
		return nil, fault.Bad(op, "message_id", "expected 8 to 64 letters and digits")
	}
	if c.messageID != "" {
		leave, err := t.sending.enter(ctx, c.messageID)
		if err != nil {
			c.out.Store(true) // the call that goes on under this id may send
			return nil, err
		}
		defer leave()
	}
	c.memory = t.Memory.Share()
	defer c.memory.Release()
	ctx = bounds.With(ctx, &bounds.Limit{Most: MaxFile, Share: c.memory, Times: perByteInMemory})
	if r, ok := rowsByName()[method]; ok {
		return t.callRow(ctx, r, list, c)
	}
	if name, ok := strings.CutPrefix(method, familyPrefix); ok {
		if m, ok := reflectedByName()[name]; ok {
			return t.callReflected(ctx, m, list, c)
		}
	}
	return nil, unknownMethod(method)
}

func (t *Table) callRow(ctx context.Context, r *row, list []json.RawMessage, c *call) (json.RawMessage, error) {
	if r.impossible != "" {
		return nil, fault.New(fault.Unimplemented, op, "%s is impossible without a browser: %s", r.name, r.impossible)
	}
	if r.manager {
		return nil, fault.New(fault.Unimplemented, op, "%s is answered by the manager", r.name)
	}
	if err := checkCount(r.name, r.params, len(list)); err != nil {
		return nil, err
	}
	c.args = make([]any, len(r.params))
	for i, raw := range list {
		v, err := r.params[i].read(raw, fmt.Sprintf("params[%d]", i))
		if err != nil {
			return nil, namedParam(err, r.params[i].name)
		}
		c.args[i] = v
	}
	c.cli = t.Client()
	if err := t.ready(c.cli, r.need); err != nil {
		return nil, err
	}
	c.began = true
	v, err := r.do(ctx, c)
	if err != nil {
		return nil, err
	}
	return encode(v)
}

// manyChats is from where a list is worth being written by several goroutines.
const manyChats = 400

// encode writes an answer. Only lists of chats get so long that one processor
// takes a noticeable time for them.
func encode(v any) (json.RawMessage, error) {
	if whole, ok := v.(encoded); ok {
		return json.RawMessage(whole), nil
	}
	chats, ok := v.([]shape.Chat)
	if !ok || len(chats) < manyChats {
		return shape.Marshal(v)
	}
	parts := make([][]byte, runtime.GOMAXPROCS(0))
	writers := make([]func(context.Context) error, len(parts))
	for i := range parts {
		writers[i] = func(context.Context) (err error) {
			from, to := i*len(chats)/len(parts), (i+1)*len(chats)/len(parts)
			parts[i], err = shape.Marshal(chats[from:to])
			return err
		}
	}
	if err := together.Do(context.Background(), writers...); err != nil {
		return nil, err
	}
	size := 2
	for _, part := range parts {
		size += len(part)
	}
	all := append(make([]byte, 0, size), '[')
	for i, part := range parts {
		if i > 0 {
			all = append(all, ',')
		}
		all = append(all, part[1:len(part)-1]...) // without its brackets
	}
	return append(all, ']'), nil
}

// split takes the array of parameters apart.
func split(params json.RawMessage) ([]json.RawMessage, error) {
	params = bytes.TrimSpace(params)
	if len(params) == 0 || string(params) == "null" {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(params, &list); err != nil {
		return nil, fault.Bad(op, "params", "expected a JSON array of positional parameters")
	}
	return list, nil
}

func checkCount(name string, params []param, got int) error {
	least := 0
	for i, p := range params {
		if !p.optional {
			least = i + 1
		}
	}
	return checkBounds(name, least, len(params), got, func(i int) string { return params[i].name })
}

// checkBounds answers Invalid for a wrong number of parameters; most < 0 means any number.
func checkBounds(name string, least, most, got int, paramName func(int) string) error {
	switch {
	case got < least:
		return fault.Bad(op, fmt.Sprintf("params[%d]", got), "%s takes %s, got %d: %s is missing", name, countText(least, most), got, paramName(got))
	case most >= 0 && got > most:
		return fault.Bad(op, fmt.Sprintf("params[%d]", most), "%s takes %s, got %d", name, countText(least, most), got)
	}
	return nil
}

func countText(least, most int) string {
	plural := func(n int) string {
		if n == 1 {
			return "1 parameter"
		}
		return fmt.Sprintf("%d parameters", n)
	}
	switch {
	case most < 0:
		return "at least " + plural(least)
	case least == most && most == 0:
		return "no parameters"
	case least == most:
		return plural(most)
	}
	return fmt.Sprintf("%d to %s", least, plural(most))
}

// namedParam puts the place and the name of a parameter into the text of its error.
func namedParam(err error, name string) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	named := *f
	named.Op = op
	if f.Kind == fault.Invalid && f.Field != "" {
		named.Msg = fmt.Sprintf("%s (%s): %s", f.Field, name, f.Msg)
	}
	return &named
}

// plainMessageID tells whether an id given by the caller looks like one of
// WhatsApp's, so that it fits everywhere an id goes.
func plainMessageID(id string) bool {
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
