package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/policy"
	"whatsapp-manager/worker/relay/value"
)

// callReflected runs a method of whatsmeow with decoded parameters.
func (t *Table) callReflected(ctx context.Context, m *reflected, list []json.RawMessage, c *call) (json.RawMessage, error) {
	if m.reason != "" {
		return nil, fault.New(fault.Unimplemented, op, "%s%s cannot be called from outside: %s", familyPrefix, m.name, m.reason)
	}
	if err := t.opened(m); err != nil {
		return nil, err
	}
	if err := checkBounds(familyPrefix+m.name, m.least(), m.most(), len(list), m.paramName); err != nil {
		return nil, err
	}
	args, err := m.decode(list)
	if err != nil {
		return nil, err
	}
	if err := policy.Check(m.name, args); err != nil {
		return nil, m.named(err)
	}
	cli := t.Client()
	if err := t.ready(cli, m.need); err != nil {
		return nil, err
	}
	if cli == nil {
		return nil, t.away()
	}
	c.cli = cli
	fn := reflect.ValueOf(cli).Method(m.index)
	if replace, ok := replaced[m.name]; ok {
		fn = reflect.ValueOf(replace(c))
	}
	if m.takesContext {
		args = append([]reflect.Value{reflect.ValueOf(ctx)}, args...)
	} else {
		boundWaits(ctx, args)
	}
	if c.leftBehind.Load() >= maxLeftBehind {
		f := fault.New(fault.RateLimited, op, "%d earlier calls still wait for an answer of WhatsApp's", maxLeftBehind)
		f.RetryAfter = time.Minute
		return nil, f
	}
	c.began = true
	return c.bounded(ctx, m, fn, args)
}

// opened answers Forbidden for a method that is off here.
func (t *Table) opened(m *reflected) error {
	if t.Opened.Allows(m.name, m.line.Decision) {
		return nil
	}
	f := fault.New(fault.Forbidden, op, "%s%s is off: %s", familyPrefix, m.name, m.line.Why)
	f.Field, f.Code = "method", "method_closed"
	return f
}

// named puts the name of the parameter into an error about one.
func (m *reflected) named(err error) error {
	var f *fault.Error
	var i int
	if !errors.As(err, &f) {
		return err
	}
	if _, scanErr := fmt.Sscanf(f.Field, "params[%d]", &i); scanErr != nil {
		return err
	}
	return namedParam(err, m.paramName(i))
}

// maxLeftBehind is how many methods may go on after the end of their calls.
const maxLeftBehind = 16

// grace is what a method gets after the end of its call to notice it.
const grace = time.Second

// bounded answers Deadline for a method that does not listen to its context
// (NewsletterMarkViewed waits for an answer for ever). Such a method is left
// behind and ends with the connection.
func (c *call) bounded(ctx context.Context, m *reflected, fn reflect.Value, args []reflect.Value) (json.RawMessage, error) {
	type outcome struct {
		result json.RawMessage
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := c.invoke(m, fn, args)
		done <- outcome{result, err}
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
		c.leftBehind.Add(1)
		go func() {
			<-done
			c.leftBehind.Add(-1)
		}()
		return nil, ctx.Err()
	}
}

// replaced are the methods after which the worker has something to record, or
// which it does in its own way. Each has whatsmeow's signature.
var replaced = map[string]func(*call) any{
	"SendMessage": func(c *call) any { return c.sendRaw },
	"RevokeMessage": func(c *call) any {
		return func(ctx context.Context, chat types.JID, id types.MessageID) (whatsmeow.SendResponse, error) {
			return c.sendRaw(ctx, chat, c.cli.BuildRevoke(chat, types.EmptyJID, id))
		}
	},
	"Logout":       func(c *call) any { return c.Logout },
	"IsLoggedIn":   func(c *call) any { return func() bool { return c.loggedIn(c.cli) } },
	"SendAppState": func(c *call) any { return c.sendAppState },

	"SendPeerMessage": func(c *call) any {
		return func(ctx context.Context, msg *waE2E.Message) (whatsmeow.SendResponse, error) {
			me := c.cli.Store.GetJID().ToNonAD()
			if me.IsEmpty() {
				return whatsmeow.SendResponse{}, whatsmeow.ErrNotLoggedIn
			}
			return c.sendRaw(ctx, me, msg, whatsmeow.SendRequestExtra{Peer: true})
		}
	},
	"SetDisappearingTimer": func(c *call) any { return c.setDisappearingTimer },
	"UpdateBlocklist":      func(c *call) any { return c.updateBlocklist },
	// whatsmeow puts the id into an address as it is.
	"FetchStickerPack": func(c *call) any {
		return func(ctx context.Context, id string) (*types.StickerPack, error) {
			return c.cli.FetchStickerPack(ctx, url.QueryEscape(id))
		}
	},
}

// sends are the methods that count as messages sent.
var sends = map[string]bool{"SendMessage": true, "RevokeMessage": true, "SetDisappearingTimer": true}

// setDisappearingTimer sends what whatsmeow sends: to a person a message like
// any other, which is limited and recorded, to a group a question to WhatsApp.
func (c *call) setDisappearingTimer(ctx context.Context, chat types.JID, timer time.Duration, at time.Time) error {
	if chat.Server != types.DefaultUserServer && chat.Server != types.HiddenUserServer {
		return c.cli.SetDisappearingTimer(ctx, chat, timer, at)
	}
	if at.IsZero() {
		at = time.Now()
	}
	_, err := c.sendRaw(ctx, chat, &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type:                waE2E.ProtocolMessage_EPHEMERAL_SETTING.Enum(),
		EphemeralExpiration: proto.Uint32(uint32(timer.Seconds())), EphemeralSettingTimestamp: proto.Int64(at.Unix()),
	}})
	return err
}

// updateBlocklist is whatsmeow's; the mirror learns what came of it.
func (c *call) updateBlocklist(ctx context.Context, jid types.JID, action events.BlocklistChangeAction) (*types.Blocklist, error) {
	listed, err := c.cli.UpdateBlocklist(ctx, jid, action)
	if err != nil {
		return nil, err
	}
	if _, err := c.keepBlocklist(ctx, c.cli, listed); err != nil {
		c.Log.Warn().Err(err).Msg("list of blocked contacts not kept")
	}
	return listed, nil
}

// sendAppState refuses what whatsmeow would panic on in the middle of encoding.
func (c *call) sendAppState(ctx context.Context, patch appstate.PatchInfo) error {
	if len(patch.Mutations) == 0 {
		return bad("params[0].Mutations", "expected at least one mutation")
	}
	for i, mutation := range patch.Mutations {
		if mutation.Value == nil || len(mutation.Index) == 0 {
			return bad(fmt.Sprintf("params[0].Mutations[%d]", i), "expected a mutation with Index and Value")
		}
	}
	return c.patch(ctx, patch)
}

var _ func(context.Context, types.JID, *waE2E.Message, ...whatsmeow.SendRequestExtra) (whatsmeow.SendResponse, error) = (*call)(nil).sendRaw

// decode turns the parameters into the arguments after the context. Variadic
// ones come as further parameters, or as one array.
func (m *reflected) decode(list []json.RawMessage) ([]reflect.Value, error) {
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
		if err := m.decodeOne(raw, v, i, fmt.Sprintf("params[%d]", i)); err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	if !m.variadic || len(list) <= fixed {
		return args, nil
	}
	extra, at := list[fixed:], func(i int) string { return fmt.Sprintf("params[%d]", fixed+i) }
	elem := m.in[fixed].Elem()
	if len(extra) == 1 && value.Kind(extra[0]) == "array" && elem.Kind() != reflect.Slice {
		var items []json.RawMessage
		if err := json.Unmarshal(extra[0], &items); err != nil {
			return nil, bad(at(0), "expected an array")
		}
		if onlyOne[m.name] && len(items) > 1 {
			return nil, bad(at(0), "expected at most one")
		}
		extra, at = items, func(i int) string { return fmt.Sprintf("params[%d][%d]", fixed, i) }
	}
	if len(extra) == 1 && isNull(extra[0]) {
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

func (m *reflected) decodeOne(raw json.RawMessage, v reflect.Value, i int, path string) error {
	if n, ok := emptyJID[m.name]; ok && n == i && (isNull(raw) || strings.TrimSpace(string(raw)) == `""`) {
		return nil
	}
	if isNull(raw) && !mayBeNull(v.Type()) {
		return namedParam(bad(path, "expected a %s, got null", v.Type()), m.paramName(i))
	}
	if err := decoder.Into(raw, v, path); err != nil {
		return namedParam(err, m.paramName(i))
	}
	if isEnum(v.Type()) && v.Len() == 0 {
		return namedParam(bad(path, "expected a %s, got an empty string", v.Type()), m.paramName(i))
	}
	return nil
}

// paramName returns the name of a parameter in whatsmeow's source, which the
// catalog knows and reflection does not.
func (m *reflected) paramName(i int) string {
	if known, ok := catalog.Lookup(familyPrefix + m.name); ok && i < len(known.Params) {
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
		if d, ok := arg.Interface().(time.Duration); ok && d > rest {
			args[i] = reflect.ValueOf(rest)
		}
	}
}

// invoke calls, sorts the results and encodes them. A panic of whatsmeow is answered as
// Invalid: its methods take arbitrary protobufs and structs from the caller and
// do not check them; that a good call panics is the rarer case, and the stack
// is in the log. Once a message is out it is no longer about the parameters.
func (c *call) invoke(m *reflected, fn reflect.Value, args []reflect.Value) (result json.RawMessage, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.Log.Error().Str("method", familyPrefix+m.name).Str("panic", fmt.Sprintf("%T", p)).Bytes("stack", debug.Stack()).Msg("whatsmeow panicked")
			f := fault.New(fault.Invalid, op, "whatsmeow could not work with these parameters of %s", m.name)
			f.Field, f.Code = "params", "method_panicked"
			if c.out.Load() {
				f = fault.New(fault.Internal, op, "internal error in %s%s", familyPrefix, m.name)
			}
			result, err = nil, f
		}
	}()
	out := fn.Call(args)
	if m.fails {
		last := len(out) - 1
		if e, _ := out[last].Interface().(error); e != nil {
			return nil, e
		}
		out = out[:last]
	}
	return encodeResults(out)
}

// encodeResults: nothing is null, one value is itself, several are an array.
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
