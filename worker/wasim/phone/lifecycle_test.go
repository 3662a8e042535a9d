package phone

import (
	"fmt"
	"runtime"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

func TestIdlePhoneIsSmallAndOwnsNoGoroutine(t *testing.T) {
	r := newRouter()
	const n = 2000
	goroutines := runtime.NumGoroutine()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	phones := make([]*Phone, n)
	for i := range phones {
		phones[i] = New(Config{
			PN:      types.NewJID("15550000001", types.DefaultUserServer),
			LID:     types.NewJID("100000000007919", types.HiddenUserServer),
			Network: r, PushName: "Someone",
		})
		phones[i].Registration() // makes the keys
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (after.HeapAlloc - before.HeapAlloc) / n; each > 2048 {
		t.Errorf("%d bytes a phone", each)
	} else {
		t.Logf("%d bytes a phone", each)
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("%d goroutines more", now-goroutines)
	}
	runtime.KeepAlive(phones)
}

func TestCloseWaitsAndDropsWhatFollows(t *testing.T) {
	r := newRouter()
	alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
	entered, leave := make(chan struct{}), make(chan struct{})
	finished := false
	bob.Subscribe(func(Received) {
		close(entered)
		<-leave
		finished = true
	})
	if _, err := alice.SendText(t.Context(), bob.PN(), "one"); err != nil {
		t.Fatal(err)
	}
	<-entered
	go close(leave)
	bob.Close()
	if !finished {
		t.Fatal("closed while a stanza was being handled")
	}
	bob.Receive(waBinary.Node{Tag: "message"})
	if err := bob.Wait(timeout(t)); err != nil {
		t.Fatal(err)
	}
}

func TestLedgerForgets(t *testing.T) {
	r := newRouter()
	alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
	atBob := inboxOf(bob)
	for limit, want := range map[int]int{-1: 0, 2: 2, 0: 5} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			bob.Forget(limit)
			for range 5 {
				if _, err := alice.SendText(t.Context(), bob.PN(), "x"); err != nil {
					t.Fatal(err)
				}
				next(t, atBob)
			}
			if got := len(bob.Received()); got != want {
				t.Errorf("%d are kept", got)
			}
		})
	}
}

func TestCancelledSubscriberHearsNothing(t *testing.T) {
	r := newRouter()
	alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
	cancel := bob.Subscribe(func(Received) { t.Error("cancelled subscriber was called") })
	cancel()
	atBob := inboxOf(bob)
	if _, err := alice.SendText(t.Context(), bob.PN(), "x"); err != nil {
		t.Fatal(err)
	}
	next(t, atBob)
}
