package signalcache

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.mau.fi/whatsmeow/store"
)

func TestAStepIsWrittenWithTheRecordOfItsMessage(t *testing.T) {
	w := newWorld(t)
	device, cache := w.worker()
	must(t, decrypt(t.Context(), device, "one", text))
	if got := w.kept(bob); got != "" {
		t.Fatalf("%q was written before its message", got)
	}
	step := cache.Adopt()
	w.exec("create table record (n integer primary key)")
	ride := func() error {
		batch := &pgx.Batch{}
		batch.Queue("insert into record values (1)")
		done, err := step.Ride(t.Context(), batch)
		must(t, err)
		err = w.pool.SendBatch(t.Context(), batch).Close()
		done(err)
		return err
	}
	w.exec("insert into record values (1)")
	if err := ride(); err == nil {
		t.Fatal("no error of a record that is there")
	}
	if got := w.kept(bob); got != "" {
		t.Errorf("%q was written without its message", got)
	}
	w.exec("delete from record")
	must(t, ride())
	if got := w.kept(bob); got != "one" {
		t.Errorf("%q is written", got)
	}
	said := w.said.Load()
	must(t, step.Settle(t.Context()))
	must(t, device.EventBuffer.ClearBufferedEventPlaintext(t.Context(), [32]byte{1}))
	if n := w.said.Load() - said; n != 0 {
		t.Errorf("%d statements for what is written", n)
	}
	must(t, device.Sessions.PutSession(own(t, device.Sessions.GetSession), bob, []byte("two")))
}

func TestAMessageThatIsNotRecordedIsDecryptedAgain(t *testing.T) {
	w := newWorld(t)
	device, cache := w.worker()
	must(t, device.Sessions.PutSession(own(t, device.Sessions.GetSession), bob, []byte("zero")))
	must(t, decrypt(t.Context(), device, "one", text))
	cache.Adopt().Forget()
	if got, err := device.Sessions.GetSession(t.Context(), bob); string(got) != "zero" || err != nil {
		t.Errorf("the session is %q %v", got, err)
	}
}

// A handler that waits for the database outlives its connection, and the next one brings
// the same message and others.
func TestAStepWaitsForItsHandlerAlone(t *testing.T) {
	w := newWorld(t)
	device, cache := w.worker()
	must(t, decrypt(t.Context(), device, "one", text))
	step := cache.Adopt()
	again := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		return decrypt(ctx, device, "one", text)
	}
	if err := again(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("decrypted under the hands of the first: %v", err)
	}
	must(t, device.EventBuffer.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
		_, err := device.Sessions.GetSession(ctx, carol)
		must(t, err)
		return device.Sessions.PutSession(ctx, carol, []byte("first"))
	}))
	must(t, cache.Adopt().Settle(t.Context()))
	must(t, device.EventBuffer.ClearBufferedEventPlaintext(t.Context(), [32]byte{2}))
	if got, other := w.kept(bob), w.kept(carol); got != "" || other != "first" {
		t.Errorf("written are %q before its message, and of another %q", got, other)
	}
	step.Forget()
	must(t, again())
	must(t, cache.Adopt().Settle(t.Context()))
	if got := w.kept(bob); got != "one" {
		t.Errorf("%q is written", got)
	}
}

func TestAFailedDecryptionChangesNothing(t *testing.T) {
	w := newWorld(t)
	device, cache := w.worker()
	must(t, device.Identities.PutIdentity(t.Context(), bob, [32]byte{1}))
	err := device.EventBuffer.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
		_, err := device.Sessions.GetSession(ctx, bob)
		must(t, err)
		must(t, device.Sessions.PutSession(ctx, bob, []byte("one")))
		must(t, device.PreKeys.RemovePreKey(ctx, 7))
		must(t, device.Identities.DeleteIdentity(ctx, bob))
		must(t, device.SenderKeys.PutSenderKey(ctx, "group", "bob", []byte("key")))
		if found, err := device.Sessions.HasSession(ctx, bob); !found || err != nil {
			t.Errorf("the decryption does not see what it wrote: %v", err)
		}
		return errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	if cache.Adopt() != nil {
		t.Error("a step is open")
	}
	if found, err := device.Sessions.HasSession(t.Context(), bob); found || err != nil {
		t.Errorf("a session is left: %v", err)
	}
	if trusted, err := device.Identities.IsTrustedIdentity(t.Context(), bob, [32]byte{2}); trusted || err != nil {
		t.Errorf("the identity is gone: %v", err)
	}
	if key, err := device.SenderKeys.GetSenderKey(t.Context(), "group", "bob"); key != nil || err != nil {
		t.Errorf("a sender key is left: %q %v", key, err)
	}
}

// A message without a handler must not keep its session.
func TestAStepWithoutAHandlerIsWritten(t *testing.T) {
	for name, next := range map[string]func(context.Context, *store.Device) error{
		"by who waits": func(ctx context.Context, d *store.Device) error {
			_, err := d.Sessions.GetSession(ctx, bob)
			return err
		},
		"by the next decryption": func(ctx context.Context, d *store.Device) error {
			return d.EventBuffer.DoDecryptionTxn(ctx, func(context.Context) error { return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			device, _ := w.worker()
			must(t, decrypt(t.Context(), device, "one", text))
			must(t, next(t.Context(), device))
			if got := w.kept(bob); got != "one" {
				t.Errorf("%q is written", got)
			}
		})
	}
}

// The handler of a message may still wait for the database when its connection is lost and
// the message comes again by the next one. That one must not see what is not recorded yet,
// or later messages would be recorded first.
func TestAMessageThatComesAgainWaitsForItsHandler(t *testing.T) {
	for name, end := range map[string]struct {
		do   func(*Step, context.Context) error
		want string
	}{
		"recorded":     {(*Step).Settle, "one"},
		"not recorded": {func(s *Step, _ context.Context) error { s.Forget(); return nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			device, cache := w.worker()
			must(t, decrypt(by(t.Context(), "lost"), device, "one", text))
			step := cache.Adopt()
			seen := make(chan string, 1)
			go func() {
				err := device.EventBuffer.DoDecryptionTxn(by(t.Context(), "next"), func(ctx context.Context) error {
					session, err := device.Sessions.GetSession(ctx, bob)
					seen <- string(session)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}()
			select {
			case session := <-seen:
				t.Errorf("the message was decrypted again, from %q", session)
			case <-time.After(50 * time.Millisecond):
			}
			if got := w.kept(bob); got != "" {
				t.Errorf("%q is written without its event", got)
			}
			must(t, end.do(step, t.Context()))
			if got := <-seen; got != end.want {
				t.Errorf("the next one begins with %q, want %q", got, end.want)
			}
		})
	}
}

// A handler gets the step of its own message, not that of the next connection.
func TestAStepWithoutAHandlerIsNotWrittenForAnotherConnection(t *testing.T) {
	w := newWorld(t)
	device, cache := w.worker()
	must(t, decrypt(by(t.Context(), "lost"), device, "one", text))
	ctx, cancel := context.WithCancel(by(t.Context(), "next"))
	failed := make(chan error, 1)
	go func() { failed <- decrypt(ctx, device, "two", text) }()
	must(t, device.EventBuffer.ClearBufferedEventPlaintext(by(t.Context(), "next"), [32]byte{1}))
	if got := w.kept(bob); got != "" {
		t.Errorf("%q is written without its event", got)
	}
	cancel()
	if err := <-failed; err == nil {
		t.Error("the second was decrypted beside the first")
	}
	must(t, cache.Adopt().Settle(t.Context()))
	if got := w.kept(bob); got != "one" {
		t.Errorf("%q is written, want the first", got)
	}
}

// A decryption that panics leaves nothing that the next would wait for.
func TestADecryptionThatPanics(t *testing.T) {
	w := newWorld(t)
	device, cache := w.worker()
	func() {
		defer func() { _ = recover() }()
		_ = device.EventBuffer.DoDecryptionTxn(t.Context(), func(context.Context) error { panic("broken") })
	}()
	must(t, decrypt(t.Context(), device, "one", text))
	must(t, cache.Adopt().Settle(t.Context()))
}
