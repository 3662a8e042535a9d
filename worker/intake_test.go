package worker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

func message(n int) *waBinary.Node {
	return &waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": fmt.Sprint(n)}}
}

func filled() *intake {
	q := &intake{patience: time.Hour}
	for n := range intakeFull {
		q.arrived(message(n))
	}
	return q
}

func TestIntakeOpensAtItsLowMark(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	for _, c := range []struct {
		name   string
		answer waBinary.Node
		opens  bool
	}{
		{"ack", waBinary.Node{Tag: "ack", Attrs: waBinary.Attrs{"class": "message", "id": fmt.Sprint(intakeLow)}}, true},
		{"receipt", waBinary.Node{Tag: "receipt", Attrs: waBinary.Attrs{"id": fmt.Sprint(intakeLow)}}, true},
		{"too few", waBinary.Node{Tag: "receipt", Attrs: waBinary.Attrs{"id": fmt.Sprint(intakeLow / 2)}}, false},
		{"of another class", waBinary.Node{Tag: "ack", Attrs: waBinary.Attrs{"class": "notification", "id": fmt.Sprint(intakeLow)}}, false},
		{"of nothing that waits", waBinary.Node{Tag: "receipt", Attrs: waBinary.Attrs{"id": "other"}}, false},
		{"no answer", waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": fmt.Sprint(intakeLow)}}, false},
	} {
		q := filled()
		q.answered(&c.answer)
		if holds := q.holds(0); holds == c.opens {
			t.Errorf("%s: holds %v", c.name, holds)
		}
		if c.opens && q.room(never) {
			t.Errorf("%s: a reader had to wait", c.name)
		}
	}
}

func TestIntakeHoldsTheReaderUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(q *intake, closed chan struct{}){
		"handled": func(q *intake, _ chan struct{}) { q.handled(stanza{"message", fmt.Sprint(intakeFull - 1)}) },
		"closed":  func(_ *intake, closed chan struct{}) { close(closed) },
	} {
		synctest.Test(t, func(t *testing.T) {
			q, closed, out := filled(), make(chan struct{}), make(chan bool, 1)
			go func() { out <- q.room(closed) }()
			synctest.Wait()
			select {
			case <-out:
				t.Errorf("%s: the reader did not wait", name)
			default:
				open(q, closed)
				if !<-out {
					t.Errorf("%s: the reader tells that it did not wait", name)
				}
			}
			if !q.holds(time.Minute) {
				t.Errorf("%s: that a reader waited a moment ago is forgotten", name)
			}
		})
	}
}

// What was not read still waits in the moment in which there is room again,
// whether the reader has come to it or not.
func TestIntakeWasFullAMomentAgo(t *testing.T) {
	t.Parallel()
	q := filled()
	q.handled(stanza{"message", fmt.Sprint(intakeFull - 1)})
	if q.holds(0) || !q.holds(time.Minute) {
		t.Error("it is full, or forgotten that it was")
	}
}

// Stanzas that never get an answer do not close the intake for ever.
func TestIntakeLosesPatience(t *testing.T) {
	t.Parallel()
	q := filled()
	q.patience = time.Millisecond
	if !q.room(make(chan struct{})) || q.holds(0) {
		t.Error("the intake stays closed")
	}
}

func TestIntakeCountsWhatIsAnsweredOnly(t *testing.T) {
	t.Parallel()
	q := &intake{}
	for range 2 * intakeFull {
		q.arrived(&waBinary.Node{Tag: "presence"})
		q.arrived(&waBinary.Node{Tag: "ib"})
	}
	if q.holds(0) {
		t.Error("presences close the intake")
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := newPace(100)
	for range 25 {
		if d := p.ReserveN(now, receiptsPerMessage).DelayFrom(now); d > 0 {
			t.Fatalf("one of the first 25 waits %s", d)
		}
	}
	var last time.Duration
	for range 75 {
		last = p.ReserveN(now, receiptsPerMessage).DelayFrom(now)
	}
	if last.Round(time.Millisecond) != 750*time.Millisecond {
		t.Errorf("the hundredth waits %s", last)
	}
	if d := p.ReserveN(now, 1).DelayFrom(now) - last; d.Round(100*time.Microsecond) != 2500*time.Microsecond {
		t.Errorf("a receipt takes %s", d)
	}
	if d := newPace(0).ReserveN(now, 1000).DelayFrom(now); d != 0 {
		t.Errorf("without a limit one waits %s", d)
	}
	if d := newPace(1).ReserveN(now, receiptsPerMessage); !d.OK() {
		t.Error("one message a second is refused")
	}
}
