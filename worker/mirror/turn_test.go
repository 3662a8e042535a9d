package mirror

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/worker/inbound"
)

// outcome is how the call for one change ended.
type outcome struct {
	err      error
	panicked any
}

// behind has these calls wait, in this order, for a write that is in progress, and returns
// how each ended.
func behind(t *testing.T, m *Mirror, calls ...func() error) []outcome {
	t.Helper()
	if err := m.writing.lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	ends := make([]chan outcome, len(calls))
	for i, call := range calls {
		ends[i] = make(chan outcome, 1)
		go func() {
			var end outcome
			defer func() {
				end.panicked = recover()
				ends[i] <- end
			}()
			end.err = call()
		}()
		for waiting := -1; waiting <= i; {
			m.turns.mu.Lock()
			waiting = len(m.turns.waiting)
			m.turns.mu.Unlock()
			runtime.Gosched()
		}
	}
	m.writing.unlock()
	all := make([]outcome, len(calls))
	for i := range ends {
		all[i] = <-ends[i]
	}
	return all
}

func applies(ctx context.Context, m *Mirror, ops ...inbound.Op) (calls []func() error) {
	for _, op := range ops {
		calls = append(calls, func() error { return m.Apply(ctx, inbound.Change{Account: us, Op: op}) })
	}
	return calls
}

func fine(t *testing.T, all []outcome) {
	t.Helper()
	for i, end := range all {
		if end.err != nil || end.panicked != nil {
			t.Errorf("change %d: %v, %v", i, end.err, end.panicked)
		}
	}
}

const (
	perText = "message_create message unread_count "
	bodyOf  = "body of "
)

func texts(ids ...string) (ops []inbound.Op) {
	for i, id := range ids {
		ops = append(ops, from(annaID, id, bodyOf+id, int64(2000+i)))
	}
	return ops
}

func TestChangesThatWaitAreOneTransaction(t *testing.T) {
	b := newBench(t)
	m, counted := b.counted()
	fine(t, behind(t, m, applies(b.ctx, m, texts("A0")...)...)) // makes the chat known
	counted.reset()
	head := m.Head()
	fine(t, behind(t, m, applies(b.ctx, m, texts("A1", "A2", "A3", "A4")...)...))
	if n := counted.transactions(); n != 1 {
		t.Errorf("%d transactions, want 1", n)
	}
	if got := b.types(head); got != strings.Repeat(perText, 4) {
		t.Errorf("told %q", got)
	}
	for i, e := range b.feed(head) {
		if want := "A" + string(rune('1'+i/3)); !strings.Contains(e.Key, want) {
			t.Errorf("event %d is %s, want one of %s: the order is lost", i, e.Key, want)
		}
	}
	if ch, err := m.Chat(b.ctx, annaID); err != nil || ch.UnreadCount != 5 {
		t.Errorf("unread: %d, %v, want 5", ch.UnreadCount, err)
	}
}

// A redelivery in the middle fails the whole transaction; then each is looked at.
func TestARedeliveryAmongOthers(t *testing.T) {
	b := newBench(t)
	m, _ := b.counted()
	fine(t, behind(t, m, applies(b.ctx, m, texts("A0")...)...))
	head := m.Head()
	fine(t, behind(t, m, applies(b.ctx, m, texts("A1", "A0", "A2")...)...))
	if got := b.types(head); got != strings.Repeat(perText, 2) {
		t.Errorf("told %q, want the two that are new", got)
	}
}

// What has to ask the database sees what stands before it.
func TestAReactionToAMessageThatWaits(t *testing.T) {
	b := newBench(t)
	m, _ := b.counted()
	fine(t, behind(t, m, applies(b.ctx, m, texts("A0")...)...))
	head := m.Head()
	reaction := &inbound.Reaction{Chat: annaID, Target: "A1", ID: "R1", Sender: annaID, Text: "!", TargetSender: annaID}
	fine(t, behind(t, m, applies(b.ctx, m, append(texts("A1"), reaction, texts("A2")[0])...)...))
	if got := b.types(head); got != perText+"message_reaction "+perText {
		t.Errorf("told %q", got)
	}
	if msg := b.message("A1"); !msg.HasReaction {
		t.Error("the message does not show its reaction")
	}
}

func TestAChangeOfAnotherGenerationIsRefusedForAll(t *testing.T) {
	b := newBench(t)
	m, _ := b.counted()
	b.reopen(3)
	for i, end := range behind(t, m, applies(b.ctx, m, texts("A1", "A2")...)...) {
		if !errors.Is(end.err, ErrFenced) {
			t.Errorf("change %d: %v, want ErrFenced", i, end.err)
		}
	}
}

func TestWhoGivesUpWaitingIsNotWritten(t *testing.T) {
	b := newBench(t)
	m, _ := b.counted()
	head := m.Head()
	if err := m.writing.lock(b.ctx); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	if err := m.Apply(ctx, inbound.Change{Account: us, Op: texts("A1")[0]}); !errors.Is(err, context.Canceled) {
		t.Errorf("a change whose caller has gone: %v", err)
	}
	m.writing.unlock()
	fine(t, behind(t, m, applies(b.ctx, m, texts("A2")...)...))
	if got := b.types(head); got != perText {
		t.Errorf("told %q, want only the second", got)
	}
}

// A caller that goes away must not take the others' write with it.
func TestTheOthersAreWrittenWhenOneGoes(t *testing.T) {
	b := newBench(t)
	m, _ := b.counted()
	fine(t, behind(t, m, applies(b.ctx, m, texts("A0")...)...))
	head := m.Head()
	ctx, cancel := context.WithCancel(b.ctx)
	calls := applies(b.ctx, m, texts("A1", "A2")...)
	calls = append(calls, func() error {
		return m.submit(ctx, nil, nil, func(context.Context, bool) (*plan, error) {
			cancel()
			p := newPlan()
			return p, p.emit("k", "state", "", time.Time{}, 1)
		})
	})
	fine(t, behind(t, m, calls...))
	if got := b.types(head); got != perText+perText+"state " {
		t.Errorf("told %q", got)
	}
}

func TestAPanicHitsItsOwnCallerOnly(t *testing.T) {
	b := newBench(t)
	m, _ := b.counted()
	fine(t, behind(t, m, applies(b.ctx, m, texts("A0")...)...))
	head := m.Head()
	calls := applies(b.ctx, m, texts("A1", "A2")...)
	broken := func() error {
		return m.submit(b.ctx, nil, nil, func(context.Context, bool) (*plan, error) { panic("broken") })
	}
	all := behind(t, m, calls[0], broken, calls[1])
	fine(t, []outcome{all[0], all[2]})
	if all[1].panicked != "broken" {
		t.Errorf("its caller saw %v, %v", all[1].panicked, all[1].err)
	}
	if got := b.types(head); got != perText+perText {
		t.Errorf("told %q", got)
	}
}

// ride counts the commits that it was in.
type ride struct{ commits, aboard int }

func (r *ride) Ride(context.Context, *pgx.Batch) (func(error), error) {
	r.aboard++
	return func(err error) {
		r.aboard--
		if err == nil {
			r.commits++
		}
	}, nil
}

// Two riders hold the same place, so they never ride together.
func TestEachRiderHasACommitOfItsOwn(t *testing.T) {
	b := newBench(t)
	m, counted := b.counted()
	fine(t, behind(t, m, applies(b.ctx, m, texts("A0")...)...))
	counted.reset()
	riders := []*ride{{}, {}}
	ops := texts("A1", "A2", "A3")
	calls := applies(b.ctx, m, ops[0])
	for i, r := range riders {
		calls = append(calls, applies(Riding(b.ctx, r), m, ops[i+1])...)
	}
	fine(t, behind(t, m, calls...))
	for i, r := range riders {
		if r.commits != 1 || r.aboard != 0 {
			t.Errorf("rider %d was in %d commits, and is in %d", i, r.commits, r.aboard)
		}
	}
	if n := counted.transactions(); n != 2 {
		t.Errorf("%d transactions, want 2", n)
	}
}

// A receipt that comes before its message is recorded is not lost, and one that comes after
// costs no look-up.
func TestReceiptsOfAFreshMessage(t *testing.T) {
	read := func(id string) *inbound.Receipt {
		return &inbound.Receipt{Chat: annaID, IDs: []string{id}, By: annaID, Level: inbound.LevelRead, At: time.Unix(3000, 0)}
	}
	fresh := func(id string) *inbound.Message {
		op := sent(annaID, id, "hello", 2000)
		op.Fresh = true
		return op
	}
	b := newBench(t)
	m, counted := b.counted()
	for _, op := range []inbound.Op{texts("A0")[0], fresh("S0"), read("S0")} { // all that is looked up once
		if err := m.Apply(b.ctx, inbound.Change{Account: us, Op: op}); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		name string
		ops  []inbound.Op
		cost int
	}{
		{"after", []inbound.Op{fresh("S1"), read("S1")}, 2},
		{"before", []inbound.Op{read("S2"), fresh("S2")}, 0},
		{"twice", []inbound.Op{fresh("S3"), read("S3"), read("S3")}, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			counted.reset()
			for _, op := range row.ops {
				if err := m.Apply(b.ctx, inbound.Change{Account: us, Op: op}); err != nil {
					t.Fatal(err)
				}
			}
			if n := counted.transactions(); row.cost != 0 && n != row.cost {
				t.Errorf("%d transactions and statements, want %d", n, row.cost)
			}
			_, id := row.ops[0].Concerns()
			if id == "" {
				_, id = row.ops[1].Concerns()
			}
			if msg := b.message(id); msg.Ack != int(inbound.LevelRead) {
				t.Errorf("ack is %d, want %d", msg.Ack, inbound.LevelRead)
			}
		})
	}
}

// A reaction changes what the receipt's event shows.
func TestAReceiptAfterAReaction(t *testing.T) {
	b := newBench(t)
	m, _ := b.counted()
	op := sent(annaID, "S1", "hello", 2000)
	op.Fresh = true
	reaction := &inbound.Reaction{Chat: annaID, Target: "S1", ID: "R1", Sender: annaID, Text: "!", TargetFromMe: true}
	receipt := &inbound.Receipt{Chat: annaID, IDs: []string{"S1"}, By: annaID, Level: inbound.LevelRead, At: time.Unix(3000, 0)}
	head := m.Head()
	for _, op := range []inbound.Op{op, reaction, receipt} {
		if err := m.Apply(b.ctx, inbound.Change{Account: us, Op: op}); err != nil {
			t.Fatal(err)
		}
	}
	all := b.feed(head)
	last := all[len(all)-1]
	if last.Type != "message_ack" || !decode[struct{ HasReaction bool }](t, last.Args[0]).HasReaction {
		t.Errorf("the last event is %s %s", last.Type, last.Args[0])
	}
}
