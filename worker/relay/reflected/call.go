package reflected

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/policy"
	"whatsapp-manager/worker/relay/value"
)

// family is what the methods of one table share.
type family struct {
	opened catalog.Opened
	// leftBehind counts methods that did not end with their call.
	leftBehind atomic.Int32
}

// callable is a method as the table calls it.
type callable struct {
	*method
	family *family
}

// New returns every method of *whatsmeow.Client for a table. Opened are the
// methods that the operator lets callers use although they are off.
func New(opened catalog.Opened) []relay.Method {
	f := &family{opened: opened}
	var all []relay.Method
	for _, m := range allMethods() {
		all = append(all, callable{m, f})
	}
	return all
}

// Name implements relay.Method.
func (m *method) Name() string { return familyPrefix + m.name }

// Run implements relay.Method. A method that is off says so before its parameters
// are looked at.
func (m callable) Run(ctx context.Context, c *relay.Call, params []json.RawMessage) (json.RawMessage, error) {
	if m.reason != "" {
		return nil, fault.New(fault.Unimplemented, relay.Op, "%s cannot be called from outside: %s", m.Name(), m.reason)
	}
	if err := m.family.allows(m.method); err != nil {
		return nil, err
	}
	if err := param.CheckCount(m.Name(), m.least(), m.most(), len(params), m.paramName); err != nil {
		return nil, err
	}
	args, err := m.decode(params)
	if err != nil {
		return nil, err
	}
	if what := takesLink[m.name]; what != "" {
		code, err := param.CodeOf(what, args[0].String(), "params[0]")
		if err != nil {
			return nil, err
		}
		args[0].SetString(code)
	}
	if err := policy.Check(m.name, args); err != nil {
		return nil, m.named(err)
	}
	if err := c.Require(m.need); err != nil {
		return nil, err
	}
	if c.Client == nil {
		return nil, c.Away()
	}
	fn := reflect.ValueOf(c.Client).Method(m.index)
	if replace, ok := replaced[m.name]; ok {
		fn = reflect.ValueOf(replace(caller{c, m.family}))
	}
	if m.takesContext {
		args = append([]reflect.Value{reflect.ValueOf(ctx)}, args...)
	} else {
		boundWaits(ctx, args)
	}
	if m.family.leftBehind.Load() >= maxLeftBehind {
		f := fault.New(fault.RateLimited, relay.Op, "%d earlier calls still wait for an answer of WhatsApp's", maxLeftBehind)
		f.RetryAfter = time.Minute
		return nil, f
	}
	c.Begin()
	return m.bounded(ctx, c, fn, args)
}

// takesLink are the methods that take a link, or its code. whatsmeow knows one form of
// each, and people share more.
var takesLink = map[string]string{
	"GetGroupInfoFromLink": param.ToGroup, "JoinGroupWithLink": param.ToGroup, "GetNewsletterInfoWithInvite": param.ToChannel,
	"ResolveContactQRLink": param.ToQR, "ResolveBusinessMessageLink": param.ToMessage,
}

// allows returns Forbidden for a method that is off here.
func (f *family) allows(m *method) error {
	if f.opened.Allows(m.name, m.line.Decision) {
		return nil
	}
	off := fault.New(fault.Forbidden, relay.Op, "%s is off: %s", m.Name(), m.line.Why)
	off.Field, off.Code = "method", "method_closed"
	return off
}

// named puts the name of the parameter into an error about one.
func (m *method) named(err error) error {
	var f *fault.Error
	var i int
	if !errors.As(err, &f) {
		return err
	}
	if _, scanErr := fmt.Sscanf(f.Field, "params[%d]", &i); scanErr != nil {
		return err
	}
	return param.Named(err, m.paramName(i))
}

// maxLeftBehind is how many methods may still run after the end of their calls.
const maxLeftBehind = 16

// grace is the time that a method gets to notice the end of its call.
const grace = time.Second

// bounded returns Deadline for a method that does not listen to its context
// (NewsletterMarkViewed waits for an answer for ever). Such a method is left
// behind: its goroutine ends with the connection, and only so many may wait.
func (m callable) bounded(
	ctx context.Context, c *relay.Call, fn reflect.Value, args []reflect.Value,
) (json.RawMessage, error) {
	type answer struct {
		result json.RawMessage
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		result, err := m.invoke(c, fn, args)
		done <- answer{result, err}
	}()
	select {
	case o := <-done:
		return o.result, o.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case o := <-done:
		return o.result, o.err
	case <-timer.C:
		m.family.leftBehind.Add(1)
		go func() {
			<-done
			m.family.leftBehind.Add(-1)
		}()
		return nil, ctx.Err()
	}
}

// decode turns the parameters into the arguments after the context. Variadic
// ones come as further parameters, or as one array.
func (m *method) decode(list []json.RawMessage) ([]reflect.Value, error) {
	fixed := len(m.in)
	if m.variadic {
		fixed--
	}
	args := make([]reflect.Value, 0, len(list)+1)
	for i := range fixed {
		v := reflect.New(m.in[i]).Elem()
		var raw json.RawMessage
		if i < len(list) {
			raw = list[i]
		}
		if err := m.decodeOne(raw, v, i, param.At(i)); err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	if !m.variadic || len(list) <= fixed {
		return args, nil
	}
	extra, at := list[fixed:], func(i int) string { return param.At(fixed + i) }
	elem := m.in[fixed].Elem()
	if len(extra) == 1 && value.Kind(extra[0]) == "array" && elem.Kind() != reflect.Slice {
		var items []json.RawMessage
		if err := json.Unmarshal(extra[0], &items); err != nil {
			return nil, param.Bad(at(0), "expected an array")
		}
		if onlyOne[m.name] && len(items) > 1 {
			return nil, param.Bad(at(0), "expected at most one")
		}
		extra, at = items, func(i int) string { return fmt.Sprintf("params[%d][%d]", fixed, i) }
	}
	if len(extra) == 1 && param.IsNull(extra[0]) {
		return args, nil
	}
	for i, raw := range extra {
		v := reflect.New(elem).Elem()
		if err := m.decodeOne(raw, v, fixed, at(i)); err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	return args, nil
}

func (m *method) decodeOne(raw json.RawMessage, v reflect.Value, i int, path string) error {
	if n, ok := emptyJID[m.name]; ok && n == i && (param.IsNull(raw) || strings.TrimSpace(string(raw)) == `""`) {
		return nil
	}
	if param.IsNull(raw) && !mayBeNull(v.Type()) {
		return param.Named(param.Bad(path, "expected a %s, got null", v.Type()), m.paramName(i))
	}
	if err := decoder.Into(raw, v, path); err != nil {
		return param.Named(err, m.paramName(i))
	}
	if isEnum(v.Type()) && v.Len() == 0 {
		return param.Named(param.Bad(path, "expected a %s, got an empty string", v.Type()), m.paramName(i))
	}
	return nil
}

// paramName returns the name of a parameter in whatsmeow's source, which the
// catalog knows and reflection does not.
func (m *method) paramName(i int) string {
	if known, ok := catalog.Lookup(m.Name()); ok && i < len(known.Params) {
		return known.Params[i].Name
	}
	if i < len(m.in) {
		return typeText(m.in[i])
	}
	return "parameter"
}

// boundWaits keeps methods without a context from waiting beyond the call's deadline.
func boundWaits(ctx context.Context, args []reflect.Value) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(time.Minute)
	}
	rest := max(time.Until(deadline), 0)
	for i, arg := range args {
		if d, ok := reflect.TypeAssert[time.Duration](arg); ok && d > rest {
			args[i] = reflect.ValueOf(rest)
		}
	}
}

// invoke calls the method, sorts its results and encodes them. A panic of whatsmeow
// is answered as Invalid: its methods take arbitrary protobufs and structs from the
// caller and do not check them. A good call panics more rarely, and the stack is in
// the log. Once a message is out, the panic is no longer about the parameters.
func (m *method) invoke(c *relay.Call, fn reflect.Value, args []reflect.Value) (result json.RawMessage, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.Log.Error().Str("method", m.Name()).Str("panic", fmt.Sprintf("%T", p)).
				Bytes("stack", debug.Stack()).Msg("whatsmeow panicked")
			f := fault.New(fault.Invalid, relay.Op, "whatsmeow could not work with these parameters of %s", m.name)
			f.Field, f.Code = "params", "method_panicked"
			if c.MaybeSent() {
				f = fault.New(fault.Internal, relay.Op, "internal error in %s", m.Name())
			}
			result, err = nil, f
		}
	}()
	out := fn.Call(args)
	if m.fails {
		last := len(out) - 1
		if e, _ := reflect.TypeAssert[error](out[last]); e != nil {
			return nil, e
		}
		out = out[:last]
	}
	return encodeResults(out)
}

// encodeResults writes no value as null, one as itself, and several as an array.
func encodeResults(out []reflect.Value) (json.RawMessage, error) {
	switch len(out) {
	case 0:
		return json.RawMessage("null"), nil
	case 1:
		return value.JSON(out[0].Interface())
	}
	all := make([]any, 0, len(out))
	for _, v := range out {
		all = append(all, v.Interface())
	}
	return value.JSON(all)
}
