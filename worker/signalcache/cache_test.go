package signalcache

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.mau.fi/whatsmeow/types"
)

// What the own side changes is in the database before the message leaves, with all that
// goes with it.
func TestOwnStepsAreWrittenBeforeTheMessageLeaves(t *testing.T) {
	w := newWorld(t)
	device, cache := w.worker()
	chat := types.NewJID("456", types.HiddenUserServer)
	must(t, device.EventBuffer.AddOutgoingEvent(t.Context(), chat, "M1", "wa", []byte("content")))
	must(t, device.MsgSecrets.PutMessageSecret(t.Context(), chat, chat, "M1", []byte("secret")))
	if format, content, err := device.EventBuffer.GetOutgoingEvent(t.Context(), types.EmptyJID, chat, "M1"); format != "wa" || string(content) != "content" || err != nil {
		t.Errorf("before: %q %q %v", format, content, err)
	}
	said := w.said.Load()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addresses := []string{"1:0", "2:0", "3:0"}
	_, err := device.Sessions.GetManySessions(ctx, addresses)
	must(t, err)
	all := map[string][]byte{}
	for _, address := range addresses {
		all[address] = []byte("of " + address)
	}
	must(t, device.Sessions.PutManySessions(ctx, all))
	if n := w.said.Load() - said; n != 2 {
		t.Errorf("%d statements and batches for one read and one write", n)
	}
	next, _ := w.worker() // as after kill -9
	for _, address := range addresses {
		if got, err := next.Sessions.GetSession(t.Context(), address); string(got) != "of "+address || err != nil {
			t.Errorf("%s: %q %v", address, got, err)
		}
	}
	if format, content, err := next.EventBuffer.GetOutgoingEvent(t.Context(), chat, types.EmptyJID, "M1"); format != "wa" || string(content) != "content" || err != nil {
		t.Errorf("%q %q %v", format, content, err)
	}
	if secret, _, err := next.MsgSecrets.GetMessageSecret(t.Context(), chat, chat, "M1"); string(secret) != "secret" || err != nil {
		t.Errorf("%q %v", secret, err)
	}

	must(t, device.SenderKeys.PutSenderKey(t.Context(), "group", "me", []byte("key")))
	must(t, cache.Flush(t.Context()))
	next, _ = w.worker()
	if key, err := next.SenderKeys.GetSenderKey(t.Context(), "group", "me"); string(key) != "key" || err != nil {
		t.Errorf("%q %v", key, err)
	}
	said = w.said.Load()
	must(t, cache.Flush(t.Context()))
	if n := w.said.Load() - said; n != 0 {
		t.Errorf("%d statements to write nothing", n)
	}
}

// whatsmeow acknowledges these before a handler has seen them.
func TestTheTextOfAnOrderIsKeptUntilItIsHandled(t *testing.T) {
	w := newWorld(t)
	device, cache := w.worker()
	must(t, decrypt(t.Context(), device, "one", order))
	if cache.Adopt() != nil {
		t.Error("the step waits for a handler")
	}
	next, _ := w.worker()
	left, err := next.EventBuffer.GetBufferedEvent(t.Context(), [32]byte{1})
	if err != nil || left == nil || string(left.Plaintext) != string(order) || left.ServerTime.Unix() != 5 {
		t.Fatalf("%+v %v", left, err)
	}
	if got := w.kept(bob); got != "one" {
		t.Errorf("%q is written", got)
	}
	must(t, next.EventBuffer.ClearBufferedEventPlaintext(t.Context(), [32]byte{1}))
	if left, err = next.EventBuffer.GetBufferedEvent(t.Context(), [32]byte{1}); left != nil || err != nil {
		t.Errorf("%+v %v", left, err)
	}
	if n := w.count("select count(*) from whatsmeow_event_buffer where plaintext is not null"); n != 0 {
		t.Error("the text is still there")
	}
}

// A worker of an older version has written the session, and left the text.
func TestWhatAnOlderVersionLeftIsFound(t *testing.T) {
	w := newWorld(t)
	must(t, w.plain().EventBuffer.PutBufferedEvent(t.Context(), [32]byte{9}, text, time.Unix(5, 0)))
	device, _ := w.worker()
	if left, err := device.EventBuffer.GetBufferedEvent(t.Context(), [32]byte{9}); err != nil || left == nil || string(left.Plaintext) != string(text) {
		t.Errorf("%+v %v", left, err)
	}
	if left, err := device.EventBuffer.GetBufferedEvent(t.Context(), [32]byte{8}); left != nil || err != nil {
		t.Errorf("%+v %v", left, err)
	}
}

func TestWhatIsKnownAsksTheDatabaseNothing(t *testing.T) {
	w := newWorld(t)
	device, cache := w.worker()
	pn, lid := types.NewJID("15550009", types.DefaultUserServer), types.NewJID("999", types.HiddenUserServer)
	work := func() {
		must(t, device.Sessions.MigratePNToLID(t.Context(), pn, lid))
		left, err := device.EventBuffer.GetBufferedEvent(t.Context(), [32]byte{2})
		if left != nil || err != nil {
			t.Fatal(left, err)
		}
		must(t, device.EventBuffer.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
			_, err := device.Sessions.GetSession(ctx, bob)
			must(t, err)
			trusted, err := device.Identities.IsTrustedIdentity(ctx, bob, [32]byte{1})
			if !trusted || err != nil {
				t.Error("not trusted", err)
			}
			must(t, device.Sessions.PutSession(ctx, bob, []byte("session")))
			return device.Identities.PutIdentity(ctx, bob, [32]byte{1})
		}))
		must(t, cache.Adopt().Settle(t.Context()))
	}
	work()
	said := w.said.Load()
	work()
	if n := w.said.Load() - said; n != 1 {
		t.Errorf("%d statements and batches, want the one that writes", n)
	}
	if n := w.count("select count(*) from whatsmeow_identity_keys"); n != 1 {
		t.Errorf("%d identities", n)
	}
}

func TestAUsedPreKeyIsGone(t *testing.T) {
	w := newWorld(t)
	device, cache := w.worker()
	key, err := device.PreKeys.GenOnePreKey(t.Context())
	must(t, err)
	must(t, device.EventBuffer.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
		must(t, device.PreKeys.RemovePreKey(ctx, key.KeyID))
		if found, err := device.PreKeys.GetPreKey(ctx, key.KeyID); found != nil || err != nil {
			t.Error("the key is used again", err)
		}
		return nil
	}))
	if found, err := w.plain().PreKeys.GetPreKey(t.Context(), key.KeyID); found == nil || err != nil {
		t.Error("the key is gone before its message is recorded", err)
	}
	must(t, cache.Adopt().Settle(t.Context()))
	if found, err := w.plain().PreKeys.GetPreKey(t.Context(), key.KeyID); found != nil || err != nil {
		t.Error("the key is still there", err)
	}
}

func TestSessionsMoveWithANumber(t *testing.T) {
	w := newWorld(t)
	pn, lid := types.NewJID("15550009", types.DefaultUserServer), types.NewJID("999", types.HiddenUserServer)
	from, to := pn.SignalAddress().String(), lid.SignalAddress().String()
	device, _ := w.worker()
	for _, address := range []string{from, to} { // both are known, as there and not there
		_, err := device.Sessions.GetManySessions(t.Context(), []string{address})
		must(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := device.Sessions.GetSession(ctx, from)
	must(t, err)
	must(t, device.Sessions.PutSession(ctx, from, []byte("one")))
	cancel()
	must(t, device.Sessions.MigratePNToLID(t.Context(), pn, lid))
	for address, want := range map[string]string{from: "", to: "one"} {
		ctx, cancel := context.WithCancel(t.Context())
		if got, err := device.Sessions.GetSession(ctx, address); string(got) != want || err != nil {
			t.Errorf("%s: %q %v", address, got, err)
		}
		cancel()
	}
}

// Deleting is final: nothing of a device that is gone may stop the mirror's commits.
func TestADeletedDeviceWritesNothing(t *testing.T) {
	w := newWorld(t)
	device, cache := w.worker()
	must(t, device.SenderKeys.PutSenderKey(t.Context(), "group", "me", []byte("key")))
	w.exec("delete from whatsmeow_device")
	if err := cache.Flush(t.Context()); err == nil {
		t.Error("a row without a device was written")
	}
	must(t, device.SenderKeys.PutSenderKey(t.Context(), "group", "me", []byte("key")))
	batch := &pgx.Batch{}
	done, err := cache.Ride(t.Context(), batch)
	must(t, err)
	if batch.Len() != 0 {
		t.Error("it writes on")
	}
	done(nil)
}

func TestMemoryIsBounded(t *testing.T) {
	w := newWorld(t)
	_, cache := w.worker()
	for i := range 3000 {
		cache.mu.Lock()
		cache.keep(key{table: sessions, a: fmt.Sprint(i)}, row{value: make([]byte, 4000)})
		cache.mu.Unlock()
	}
	if cache.bytes > maxBytes || cache.rows.Len() < 900 {
		t.Errorf("%d bytes in %d rows", cache.bytes, cache.rows.Len())
	}
	cache.forgetAll()
	if cache.bytes != 0 {
		t.Errorf("%d bytes in no rows", cache.bytes)
	}
}

func TestWhatIsAnOrderToTheDevice(t *testing.T) {
	inside := append([]byte{0x12, byte(len(order) - 2)}, order[:len(order)-2]...) // DeviceSentMessage.message
	sent := slices.Concat([]byte{0xfa, 0x01, byte(len(inside))}, inside, []byte{1})
	for name, c := range map[string]struct {
		padded []byte
		want   bool
	}{
		"a text": {text, false}, "an order": {order, true}, "sent by another device": {sent, true},
		"nothing": {nil, false}, "only padding": {[]byte{1}, false}, "padding that is too long": {[]byte{9, 9}, false},
		"no message": {[]byte{0xff, 0xff, 0xff, 1}, false}, "a field that is cut off": {[]byte{0x62, 200, 1, 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := isProtocol(c.padded); got != c.want {
				t.Errorf("%v", got)
			}
		})
	}
}

// A key of a group that has gone to a commit with somebody else's message is not there
// before that ends.
func TestFlushWaitsForACommitUnderWay(t *testing.T) {
	w := newWorld(t)
	device, cache := w.worker()
	must(t, device.SenderKeys.PutSenderKey(t.Context(), "g@g.us", "me", []byte("two")))
	done, err := cache.Ride(t.Context(), &pgx.Batch{})
	must(t, err)
	flushed := make(chan error, 1)
	go func() { flushed <- cache.Flush(t.Context()) }()
	select {
	case <-flushed:
		t.Error("the message would leave before its key is written")
	case <-time.After(50 * time.Millisecond):
	}
	done(errRefused)
	must(t, <-flushed)
	key, err := w.plain().SenderKeys.GetSenderKey(t.Context(), "g@g.us", "me")
	must(t, err)
	if string(key) != "two" {
		t.Errorf("the table has %q", key)
	}
}

// The salt is read once, and old messages are deleted once.
func TestASendReadsNoSaltTwice(t *testing.T) {
	w := newWorld(t)
	device, _ := w.worker()
	ctx := t.Context()
	read := func() string {
		salt, err := device.NCTSalt.GetNCTSalt(ctx)
		must(t, err)
		return string(salt)
	}
	if got := read(); got != "" {
		t.Errorf("the salt is %q before there is one", got)
	}
	must(t, device.NCTSalt.PutNCTSalt(ctx, []byte("salt")))
	if got := read(); got != "salt" {
		t.Errorf("the salt is %q", got)
	}
	must(t, device.EventBuffer.DeleteOldOutgoingEvents(ctx))
	before := w.said.Load()
	read()
	must(t, device.EventBuffer.DeleteOldOutgoingEvents(ctx))
	if n := w.said.Load() - before; n != 0 {
		t.Errorf("%d statements", n)
	}
	must(t, device.NCTSalt.DeleteNCTSalt(ctx))
	if got := read(); got != "" {
		t.Errorf("the salt is %q after it has gone", got)
	}
}
