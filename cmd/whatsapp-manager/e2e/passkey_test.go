package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/passkey"
	"whatsapp-manager/worker/wasim/passkey/authenticator"
)

// candidate is an instance that is about to be linked with a passkey.
type candidate struct {
	t       *testing.T
	ctx     context.Context
	stack   *stack.Stack
	client  *stack.Client
	account *wasim.Account
	key     authenticator.Authenticator
	id      string
}

// newCandidate makes an account that demands a passkey, and a running instance for it.
func newCandidate(t *testing.T, s *stack.Stack, demand passkey.Demand) *candidate {
	t.Helper()
	account := person(t, "Anna", wasim.AccountOptions{})
	demand, err := account.DemandPasskey(demand)
	must(t, err)
	c := &candidate{
		t: t, ctx: deadline(t, 3*time.Minute), stack: s, client: s.Client, account: account,
		key: authenticator.Authenticator{Credential: authenticator.Credential(demand.Credential)},
	}
	c.id, _, err = c.client.Create(c.ctx, "of "+account.Number())
	must(t, err)
	return c
}

// ask makes a request below the instance's link, which has to have that status.
func (c *candidate) ask(status int, method, path string, body any) (doc linking.LinkDocument) {
	c.t.Helper()
	must(c.t, c.client.Want(c.ctx, status, method, "/api/instances/"+c.id+"/link"+path, body, &doc))
	return doc
}

// until waits for a document that fits, by its version.
func (c *candidate) until(what string, fits func(linking.LinkDocument) bool) linking.LinkDocument {
	c.t.Helper()
	var after uint64
	for {
		doc := c.ask(http.StatusOK, http.MethodGet, fmt.Sprintf("?wait=10s&after=%d", after), nil)
		if fits(doc) {
			return doc
		}
		if err := c.ctx.Err(); err != nil {
			c.t.Fatalf("still not %s: %+v", what, doc)
		}
		after = doc.Version
	}
}

func (c *candidate) step(step string) linking.LinkDocument {
	c.t.Helper()
	return c.until(step, func(d linking.LinkDocument) bool { return d.Step == step && (step != linking.StepQR || d.QR != "") })
}

// scan begins the linking and lets the phone scan the code.
func (c *candidate) scan() linking.LinkDocument {
	c.t.Helper()
	c.ask(http.StatusAccepted, http.MethodPost, "", map[string]any{})
	_, err := c.account.StartQR(c.step(linking.StepQR).QR)
	must(c.t, err)
	return c.step(linking.StepPasskey)
}

// answer gives what the authenticator makes of the document.
func (c *candidate) answer(a authenticator.Authenticator, doc linking.LinkDocument) json.RawMessage {
	c.t.Helper()
	made, err := a.Get(doc.Passkey.PublicKey)
	must(c.t, err)
	return made
}

// problem is a request that has to be refused, with its status and code.
func (c *candidate) problem(status int, code, method, path string, body any) {
	c.t.Helper()
	answer, err := c.client.Do(c.ctx, method, "/api/instances/"+c.id+"/link"+path, body)
	must(c.t, err)
	var got struct{ Code, Detail string }
	must(c.t, answer.Into(&got))
	if answer.Status != status || got.Code != code {
		c.t.Errorf("%s %s: %d %s, want %d %s: %.300s", method, path, answer.Status, got.Code, status, code, answer.Body)
	}
}

// The whole ceremony over HTTP: what is asked, wrong answers that are named, the right
// one, and the account at work.
func TestAnAccountIsLinkedWithItsPasskey(t *testing.T) {
	t.Parallel()
	s := common.start(t)
	c := newCandidate(t, s, passkey.Demand{ListCredential: true})
	c.problem(http.StatusConflict, "no_passkey_asked", http.MethodPost, "/passkey", map[string]any{"id": "x"})
	doc := c.scan()
	if doc.QR != "" || doc.Passkey.Origin != "https://web.whatsapp.com" || doc.ExpiresAt == nil ||
		time.Until(*doc.ExpiresAt) > 10*time.Minute || strings.Contains(strings.TrimSpace(doc.Passkey.Snippet), "\n") {
		t.Errorf("asked: %+v", doc)
	}
	var options struct {
		Challenge, RPID, UserVerification string
		AllowCredentials                  []struct{ ID, Type string }
	}
	must(t, json.Unmarshal(doc.Passkey.PublicKey, &options))
	if options.RPID != "whatsapp.com" || options.UserVerification != "required" || len(options.AllowCredentials) != 1 {
		t.Errorf("options: %s", doc.Passkey.PublicKey)
	}

	wrong := func(change func(*authenticator.Authenticator)) json.RawMessage {
		a := c.key
		change(&a)
		return c.answer(a, doc)
	}
	for code, body := range map[string]any{
		"assertion_encoding":     map[string]any{"id": "x"},
		"assertion_challenge":    wrong(func(a *authenticator.Authenticator) { a.Challenge = "AAAA" }),
		"assertion_origin":       wrong(func(a *authenticator.Authenticator) { a.Origin = "https://web.whatsapp.com.example.org" }),
		"assertion_type":         wrong(func(a *authenticator.Authenticator) { a.Type = "webauthn.create" }),
		"assertion_presence":     wrong(func(a *authenticator.Authenticator) { a.Absent = true }),
		"assertion_verification": wrong(func(a *authenticator.Authenticator) { a.Unverified = true }),
	} {
		c.problem(http.StatusBadRequest, code, http.MethodPost, "/passkey", body)
	}
	c.problem(http.StatusConflict, "passkey_required", http.MethodPost, "", map[string]any{"phoneNumber": c.account.Number()})
	c.problem(http.StatusConflict, "nothing_to_confirm", http.MethodPost, "/confirm", map[string]any{"matches": true})

	// What only WhatsApp can find wrong, it says, and the ceremony goes on.
	c.problem(http.StatusUnprocessableEntity, "passkey_refused", http.MethodPost, "/passkey", wrong(func(a *authenticator.Authenticator) { a.Forged = true }))
	again := c.step(linking.StepPasskey)
	if again.Error == nil || again.Error.Code != "passkey_refused" || again.Error.Action == "" {
		t.Errorf("after a forged signature: %+v", again.Error)
	}
	c.ask(http.StatusOK, http.MethodPost, "/passkey", c.answer(c.key, again))
	c.step(linking.StepReady)
	if _, err := c.client.Ready(c.ctx, c.id); err != nil {
		t.Fatal(err)
	}
	c.problem(http.StatusConflict, "already_paired", http.MethodDelete, "", nil)

	eventually(t, 20*time.Second, "the end in the feed", func() bool {
		steps, _ := c.told()
		return slices.Contains(steps, linking.StepReady)
	})
	steps, question := c.told()
	want := []string{linking.StepQR, linking.StepPasskey, linking.StepLinking, linking.StepPasskey, linking.StepLinking, linking.StepSyncing, linking.StepReady}
	if !slices.Equal(steps, want) {
		t.Errorf("events tell of %v, want %v", steps, want)
	}
	if !reflect.DeepEqual(question, doc.Passkey) {
		t.Errorf("the event asks %+v, the document %+v", question, doc.Passkey)
	}
}

// told is what the events link tell: the steps, each once where it stands several times,
// and the first question for a passkey.
func (c *candidate) told() (steps []string, question *linking.LinkPasskey) {
	c.t.Helper()
	all, err := readFeed(c.ctx, &linked{stack: c.stack, id: c.id})
	must(c.t, err)
	for _, e := range all {
		if e.Event != linking.Event {
			continue
		}
		var doc linking.LinkDocument
		must(c.t, json.Unmarshal(e.Data, &doc))
		steps = append(steps, doc.Step)
		if question == nil {
			question = doc.Passkey
		}
	}
	return slices.Compact(steps), question
}

// The manager is killed between the question and the answer.
func TestAPasskeyOutlivesTheManager(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := newCandidate(t, s, passkey.Demand{})
	before := c.scan()
	s.KillManager()
	must(t, s.StartManager())
	must(t, s.Ready(c.ctx))
	after := c.step(linking.StepPasskey)
	if string(before.Passkey.PublicKey) != string(after.Passkey.PublicKey) || before.Version != after.Version {
		t.Errorf("another question: %+v, then %+v", before, after)
	}
	c.ask(http.StatusOK, http.MethodPost, "/passkey", c.answer(c.key, after))
	c.step(linking.StepReady)
}

// A number that is typed on the phone. The phone wants the code, which both sides show,
// confirmed or rejected.
func TestAPasskeyAfterATypedCode(t *testing.T) {
	t.Parallel()
	s := common.start(t)
	linkByNumber := func(t *testing.T) (*candidate, linking.LinkDocument) {
		t.Helper()
		c := newCandidate(t, s, passkey.Demand{AlwaysConfirm: true, OmitOptions: true})
		c.ask(http.StatusAccepted, http.MethodPost, "", map[string]any{"phoneNumber": "+" + c.account.Number()})
		_, err := c.account.StartCode(c.ctx, c.step(linking.StepCode).Code)
		must(t, err)
		c.ask(http.StatusOK, http.MethodPost, "/passkey", c.answer(c.key, c.step(linking.StepPasskey)))
		return c, c.until("a code beside the phone's", func(d linking.LinkDocument) bool { return d.Confirmation != nil })
	}
	t.Run("confirmed", func(t *testing.T) {
		c, doc := linkByNumber(t)
		must(t, c.account.ConfirmCode(doc.Confirmation.Code))
		c.step(linking.StepReady)
	})
	t.Run("rejected", func(t *testing.T) {
		c, _ := linkByNumber(t)
		must(t, c.account.RejectLinking())
		doc := c.step(linking.StepQR)
		if doc.Error == nil || doc.Error.Code != "rejected_on_phone" {
			t.Errorf("after a rejection: %+v", doc)
		}
		_, err := c.account.StartQR(doc.QR)
		must(t, err)
		if doc = c.step(linking.StepPasskey); doc.Error != nil {
			t.Errorf("asked again: %+v", doc.Error)
		}
	})
}

// Two accounts at once, one of which is too late, begins again by itself, and is linked.
func TestAPasskeyThatComesTooLate(t *testing.T) {
	t.Parallel()
	s := common.start(t)
	late := newCandidate(t, s, passkey.Demand{})
	timely := newCandidate(t, s, passkey.Demand{})
	old := late.scan()
	doc := timely.scan()
	must(t, late.account.ExpireLinking())
	late.problem(http.StatusUnprocessableEntity, "passkey_expired", http.MethodPost, "/passkey", late.answer(late.key, old))
	timely.ask(http.StatusOK, http.MethodPost, "/passkey", timely.answer(timely.key, doc))
	timely.step(linking.StepReady)

	fresh := late.step(linking.StepQR)
	if fresh.Error == nil || fresh.Error.Code != "passkey_expired" {
		t.Errorf("new codes do not say why: %+v", fresh)
	}
	_, err := late.account.StartQR(fresh.QR)
	must(t, err)
	asked := late.step(linking.StepPasskey)
	late.problem(http.StatusBadRequest, "assertion_challenge", http.MethodPost, "/passkey", late.answer(late.key, old))
	late.ask(http.StatusOK, http.MethodPost, "/passkey", late.answer(late.key, asked))
	late.step(linking.StepReady)
}

// Who cancels gets nothing until somebody begins again.
func TestALinkingIsCancelled(t *testing.T) {
	t.Parallel()
	s := common.start(t)
	c := newCandidate(t, s, passkey.Demand{})
	c.scan()
	if doc := c.ask(http.StatusOK, http.MethodDelete, "", nil); doc.Passkey != nil {
		c.step(linking.StepIdle)
	}
	c.step(linking.StepIdle)
	c.ask(http.StatusOK, http.MethodPost, "/passkey", c.answer(c.key, c.scan()))
	c.step(linking.StepReady)
}
