package client

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

func filled() *flow {
	q := &flow{patience: time.Hour}
	for n := range flowFull {
		q.arrived(message(n))
	}
	return q
}

func TestFlowOpensAtItsLowMark(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	for _, c := range []struct {
		name   string
		answer waBinary.Node
		opens  bool
	}{
		{"ack", waBinary.Node{Tag: "ack", Attrs: waBinary.Attrs{"class": "message", "id": fmt.Sprint(flowLow)}}, true},
		{"receipt", waBinary.Node{Tag: "receipt", Attrs: waBinary.Attrs{"id": fmt.Sprint(flowLow)}}, true},
		{"too few", waBinary.Node{Tag: "receipt", Attrs: waBinary.Attrs{"id": fmt.Sprint(flowLow / 2)}}, false},
		{"of another class", waBinary.Node{Tag: "ack", Attrs: waBinary.Attrs{"class": "notification", "id": fmt.Sprint(flowLow)}}, false},
		{"of nothing that waits", waBinary.Node{Tag: "receipt", Attrs: waBinary.Attrs{"id": "other"}}, false},
		{"no answer", waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": fmt.Sprint(flowLow)}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := filled()
			q.answered(&c.answer)
			if holds := q.heldWithin(0); holds == c.opens {
				t.Errorf("holds %v", holds)
			}
			if c.opens && q.waitForRoom(never) {
				t.Error("a reader had to wait")
			}
		})
	}
}

func TestFlowHoldsTheReaderUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(q *flow, closed chan struct{}){
		"handled": func(q *flow, _ chan struct{}) { q.handled(stanza{"message", fmt.Sprint(flowFull - 1)}) },
		"closed":  func(_ *flow, closed chan struct{}) { close(closed) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, closed, out := filled(), make(chan struct{}), make(chan bool, 1)
				go func() { out <- q.waitForRoom(closed) }()
				synctest.Wait()
				select {
				case <-out:
					t.Error("the reader did not wait")
				default:
					open(q, closed)
					if !<-out {
						t.Error("the reader reports that it did not wait")
					}
				}
				if !q.heldWithin(time.Minute) {
					t.Error("that a reader waited a moment ago is forgotten")
				}
			})
		})
	}
}

// What was not read still waits in the moment in which there is room again,
// whether the reader has come to it or not.
func TestFlowWasFullAMomentAgo(t *testing.T) {
	t.Parallel()
	q := filled()
	q.handled(stanza{"message", fmt.Sprint(flowFull - 1)})
	if q.heldWithin(0) || !q.heldWithin(time.Minute) {
		t.Error("it is full, or forgotten that it was")
	}
}

// Stanzas that never get an answer do not close the flow for ever.
func TestFlowLosesPatience(t *testing.T) {
	t.Parallel()
	q := filled()
	q.patience = time.Millisecond
	if !q.waitForRoom(make(chan struct{})) || q.heldWithin(0) {
		t.Error("the flow stays closed")
	}
}

func TestFlowCountsWhatIsAnsweredOnly(t *testing.T) {
	t.Parallel()
	q := &flow{}
	for range 2 * flowFull {
		q.arrived(&waBinary.Node{Tag: "presence"})
		q.arrived(&waBinary.Node{Tag: "ib"})
	}
	if q.heldWithin(0) {
		t.Error("presences close the flow")
	}
}
