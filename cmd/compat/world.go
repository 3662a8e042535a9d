package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/tidwall/gjson"

	"whatsapp-manager/cmd/internal/stack"
)

// effectTimeout bounds the wait for an effect on the other side.
const effectTimeout = 15 * time.Second

// world is an installation with three paired accounts that know each other,
// and the control of the stand-in that plays WhatsApp.
type world struct {
	ctx     context.Context //nolint:containedctx // cases read better without one
	stack   *stack.Stack
	control string // base URL of the stand-in
	files   *httptest.Server

	a, b, c *account
	group   string // of all three, made by a
	made    int    // names and numbers given so far
}

// account is an instance with its phone.
type account struct {
	w               *world
	number, id, key string
}

func (a *account) wid() string { return a.number + "@c.us" }

// refusal is an answer of the API that is no success.
type refusal struct {
	status        int
	code, message string
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s: %s", r.status, r.code, r.message) }

// try calls a method.
func (a *account) try(method string, params ...any) (gjson.Result, error) {
	if params == nil {
		params = []any{}
	}
	answer, err := a.w.stack.Client.Do(a.w.ctx, http.MethodPost, "/api/proxy/"+a.key+"/"+method,
		map[string]any{"params": params})
	if err != nil {
		return gjson.Result{}, err
	}
	body := gjson.ParseBytes(answer.Body)
	if answer.Status != http.StatusOK {
		return gjson.Result{}, &refusal{answer.Status, body.Get("code").String(), body.Get("error").String()}
	}
	return body.Get("result"), nil
}

// failure carries an error out of a case; see run.
type failure struct{ err error }

// call is try for cases: a refusal ends the case.
func (a *account) call(method string, params ...any) gjson.Result {
	result, err := a.try(method, params...)
	if err != nil {
		panic(failure{fmt.Errorf("%s: %w", method, err)})
	}
	return result
}

// want ends the case unless ok.
func want(ok bool, format string, args ...any) {
	if !ok {
		panic(failure{fmt.Errorf(format, args...)})
	}
}

// until waits for an effect.
func (w *world) until(what string, ok func() bool) {
	deadline := time.Now().Add(effectTimeout)
	tick := time.NewTicker(15 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) || w.ctx.Err() != nil {
			panic(failure{fmt.Errorf("no effect: %s", what)})
		}
		<-tick.C
	}
}

// steer asks the stand-in's control API.
func (w *world) steer(method, path string, in any) gjson.Result {
	encoded, err := json.Marshal(in)
	if err != nil {
		panic(failure{err})
	}
	req, err := http.NewRequestWithContext(w.ctx, method, w.control+"/control"+path, bytes.NewReader(encoded))
	if err != nil {
		panic(failure{err})
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(failure{err})
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		panic(failure{fmt.Errorf("stand-in: %s %s: %s %.200s %v", method, path, resp.Status, body, err)})
	}
	return gjson.ParseBytes(body)
}

// next gives a text that nothing else has.
func (w *world) next(what string) string {
	w.made++
	return fmt.Sprintf("%s %d", what, w.made)
}

// join creates an account at the stand-in, an instance for it, and pairs them.
func (w *world) join(name string, contacts ...map[string]string) (*account, error) {
	w.made++
	number := fmt.Sprintf("1555020%04d", w.made)
	w.steer(http.MethodPost, "/accounts", map[string]any{
		"number": number, "name": name, "contacts": contacts,
		"chats": len(contacts), "messages": 3,
	})
	a := &account{w: w, number: number}
	var err error
	if a.id, a.key, err = w.stack.Client.Create(w.ctx, name); err != nil {
		return nil, err
	}
	// Many messages in a short time are the point here.
	if err := w.stack.Client.Want(w.ctx, http.StatusOK, http.MethodPatch, "/api/instances/"+a.id,
		map[string]any{"sendsPerMinute": 0}, nil); err != nil {
		return nil, err
	}
	if err := w.stack.Client.Start(w.ctx, a.id); err != nil {
		return nil, err
	}
	return a, a.pair()
}

func (a *account) pair() error {
	qr, err := a.w.stack.Client.QR(a.w.ctx, a.id)
	if err != nil {
		return err
	}
	a.w.steer(http.MethodPost, "/accounts/"+a.number+"/scan", map[string]any{"qr": qr})
	_, err = a.w.stack.Client.Ready(a.w.ctx, a.id)
	return err
}

// say sends a text from one account to another and returns the message's id as
// the sender has it, and as the receiver has it once it is there.
func (w *world) say(from, to *account) (sent, got, body string) {
	body = w.next("text")
	sent = from.call("sendMessage", to.wid(), body).Get("id._serialized").String()
	got = w.arrived(to, from.wid(), body).Get("id._serialized").String()
	return sent, got, body
}

// arrived waits for a message with the body in a chat of the account.
func (w *world) arrived(at *account, chat, body string) (message gjson.Result) {
	w.until("the other side has "+body, func() bool {
		for _, m := range at.call("Chat.fetchMessages", chat, map[string]any{"limit": 20}).Array() {
			if m.Get("body").String() == body {
				message = m
				return true
			}
		}
		return false
	})
	return message
}

// event waits for an event of the account that fits and returns its data.
func (w *world) event(of *account, kind string, fits func(gjson.Result) bool) (found gjson.Result) {
	after := 0
	w.until("an event "+kind, func() bool {
		for {
			answer, err := w.stack.Client.Do(w.ctx, http.MethodGet,
				fmt.Sprintf("/api/instances/%s/events?limit=500&after=%d", of.id, after), nil)
			if err != nil {
				panic(failure{err})
			}
			page := gjson.ParseBytes(answer.Body)
			for _, e := range page.Get("events").Array() {
				if e.Get("event").String() == kind && fits(e.Get("data")) {
					found = e.Get("data")
					return true
				}
			}
			if n := len(page.Get("events").Array()); n == 0 {
				return false
			}
			after = int(page.Get("next").Int())
		}
	})
	return found
}

// makeGroup makes a group of a with others, which they have when it returns.
func (w *world) makeGroup(by *account, others ...*account) string {
	name := w.next("group")
	ids := []string{}
	for _, o := range others {
		ids = append(ids, o.wid())
	}
	id := by.call("createGroup", name, ids).Get("gid._serialized").String()
	want(id != "", "no group was made")
	for _, o := range append(others, by) {
		w.until("a member has the group", func() bool {
			chat, err := o.try("getChatById", id)
			return err == nil && chat.Get("name").String() == name && chat.Get("groupMetadata").Exists()
		})
	}
	return id
}

// meta waits until a member's view of a group is so.
func (w *world) meta(of *account, group, what string, ok func(gjson.Result) bool) {
	w.until(what, func() bool { return ok(of.call("getChatById", group).Get("groupMetadata")) })
}

// picture is a small PNG as MessageMedia.
var picture = map[string]any{
	"mimetype": "image/png", "filename": "dot.png",
	"data": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
}
