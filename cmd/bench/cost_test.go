package main

import (
	"bytes"
	"context"
	"testing"
	"time"
)

// bound is the most that one of a unit may cost. A change that asks Postgres less
// lowers it here; nothing that raises it is an accident. On a slow machine more receipts
// come before their message is recorded, and those are looked up.
type bound struct{ statements, transactions, syncs, wal float64 }

var bounds = map[string]bound{
	inboundOnly: {statements: 5, transactions: 2, syncs: 1.7, wal: 7500},
	inboundHook: {statements: 6.5, transactions: 3.5, syncs: 1.8, wal: 7500},
	sendOnly:    {statements: 13, transactions: 9, syncs: 4.5, wal: 11500},
}

// These are counts: a slow or busy machine changes none of them. CPU time, which
// it changes, is only looked at for having been found.
func TestWhatAMessageCosts(t *testing.T) {
	t.Parallel() // most of its time it waits for Postgres' statistics
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	l, err := openLab(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	report, err := l.cost(ctx, costPlan{accounts: 3, messages: 30, rate: 20, idle: flushed})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	report.print(&out, true)
	t.Log(out.String())
	if !report.Counted {
		t.Log("no statements are counted: pg_stat_statements (postgresql-contrib) is not installed here")
	}
	found := 0
	for _, u := range report.Units {
		most, bounded := bounds[u.What]
		if !bounded {
			continue
		}
		found++
		for _, c := range []struct {
			what         string
			counted      bool
			figure, most float64
		}{
			{"statements", report.Counted, u.Statements, most.statements},
			{"transactions", true, u.Transactions, most.transactions},
			{"WAL syncs", true, u.Syncs, most.syncs},
			{"bytes of WAL", true, u.WAL, most.wal},
		} {
			// Whatever is kept is a statement and goes through the WAL.
			if c.counted && (c.figure <= 0 || c.figure > c.most) {
				t.Errorf("%s: %.2f %s, want at most %.2f, and some", u.What, c.figure, c.what, c.most)
			}
		}
		// What an idle Postgres takes is subtracted, and may be more than so little work takes.
		if u.Workers <= 0 || u.Postgres == 0 {
			t.Errorf("%s: no CPU time of workers (%.2f ms) or Postgres (%.2f ms)", u.What, u.Workers, u.Postgres)
		}
	}
	if found != len(bounds) {
		t.Errorf("%d of %d units are there", found, len(bounds))
	}
}
