package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
)

// costReport is what a run of cost found.
type costReport struct {
	Accounts int     `json:"accounts"`
	Messages int     `json:"messages"` // of each account, for each unit
	Rate     float64 `json:"rate"`     // a second, over all accounts
	Postgres string  `json:"postgres"` // version
	Counted  bool    `json:"statementsCounted"`
	Units    []unit  `json:"units"`
}

// unit is what one of something costs.
type unit struct {
	What         string         `json:"what"`
	Statements   float64        `json:"statements"` // begin and commit among them
	Transactions float64        `json:"transactions"`
	Syncs        float64        `json:"walSyncs"`
	WAL          float64        `json:"walBytes"`
	Manager      float64        `json:"managerMs"` // of CPU, as those that follow
	Workers      float64        `json:"workersMs"` // of all together; one message concerns one of them
	Postgres     float64        `json:"postgresMs"`
	Simulator    float64        `json:"simulatorMs"` // with phones, clients and the receiver of webhooks
	EachWorker   []float64      `json:"eachWorkerMs"`
	Calls        statementCalls `json:"calls"`
}

// statementCalls is how often each statement is run.
type statementCalls map[statement]float64

// MarshalJSON lists them, the most frequent first.
func (s statementCalls) MarshalJSON() ([]byte, error) {
	type entry struct {
		statement
		Calls float64 `json:"calls"`
	}
	entries := []entry{}
	for _, k := range s.order() {
		entries = append(entries, entry{k, s[k]})
	}
	return json.Marshal(entries)
}

func (s statementCalls) order() []statement {
	return slices.SortedFunc(maps.Keys(s), func(a, b statement) int {
		return cmp.Or(cmp.Compare(s[b], s[a]), cmp.Compare(a.Who, b.Who), cmp.Compare(a.Text, b.Text))
	})
}

// difference is what happened between two looks, for each of n.
func difference(before, after counts, n float64) unit {
	u := unit{
		Transactions: (after.transactions - before.transactions) / n,
		Syncs:        (after.syncs - before.syncs) / n,
		WAL:          (after.wal - before.wal) / n,
		Manager:      milliseconds(after.manager-before.manager) / n,
		Postgres:     milliseconds(after.postgres-before.postgres) / n,
		Simulator:    milliseconds(after.us-before.us) / n,
		Calls:        statementCalls{},
	}
	for s, calls := range after.statements {
		if more := calls - before.statements[s]; more != 0 {
			u.Calls[s] = more / n
			u.Statements += more / n
		}
	}
	for _, id := range slices.Sorted(maps.Keys(after.workers)) {
		each := milliseconds(after.workers[id]-before.workers[id]) / n
		u.EachWorker = append(u.EachWorker, each)
		u.Workers += each
	}
	return u
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// less is the unit without what another costs.
func (u unit) less(o unit) unit { return u.plus(o.times(-1)) }

func (u unit) plus(o unit) unit {
	if len(u.EachWorker) == 0 {
		u.EachWorker = make([]float64, len(o.EachWorker))
	}
	for to, more := range map[*float64]float64{
		&u.Statements: o.Statements, &u.Transactions: o.Transactions, &u.Syncs: o.Syncs, &u.WAL: o.WAL,
		&u.Manager: o.Manager, &u.Workers: o.Workers, &u.Postgres: o.Postgres, &u.Simulator: o.Simulator,
	} {
		*to += more
	}
	u.EachWorker = slices.Clone(u.EachWorker)
	for i := range min(len(u.EachWorker), len(o.EachWorker)) {
		u.EachWorker[i] += o.EachWorker[i]
	}
	u.Calls = maps.Clone(u.Calls)
	for s, calls := range o.Calls {
		u.Calls[s] += calls
	}
	return u
}

func (u unit) named(what string) unit { u.What = what; return u }

func (u unit) times(f float64) unit {
	zero := unit{EachWorker: make([]float64, len(u.EachWorker)), Calls: statementCalls{}}
	for s, calls := range u.Calls {
		zero.Calls[s] = f * calls
	}
	for i, each := range u.EachWorker {
		zero.EachWorker[i] = f * each
	}
	zero.Statements, zero.Transactions, zero.Syncs, zero.WAL = f*u.Statements, f*u.Transactions, f*u.Syncs, f*u.WAL
	zero.Manager, zero.Workers, zero.Postgres, zero.Simulator = f*u.Manager, f*u.Workers, f*u.Postgres, f*u.Simulator
	return zero
}

// print writes the table, and each unit's statements when they are wanted.
func (r costReport) print(w io.Writer, statements bool) {
	fmt.Fprintf(w, "%d accounts, %d messages of each for every line, %.0f/s in all, PostgreSQL %s; the idle rate is subtracted\n",
		r.Accounts, r.Messages, r.Rate, r.Postgres)
	if !r.Counted {
		fmt.Fprintln(w, "pg_stat_statements is not installed here (postgresql-contrib): no statements are counted")
	}
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(out, "\tstatements\ttransactions\tWAL syncs\tWAL bytes\tCPU ms: product\tmanager\tworkers\tPostgres\tsimulator")
	for _, u := range r.Units {
		counted := "–"
		if r.Counted {
			counted = fmt.Sprintf("%.1f", u.Statements)
		}
		fmt.Fprintf(out, "%s\t%s\t%.2f\t%.2f\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\n", u.What, counted, u.Transactions, u.Syncs, u.WAL,
			u.Manager+u.Workers+u.Postgres, u.Manager, u.Workers, u.Postgres, u.Simulator)
	}
	_ = out.Flush() // a closed terminal is not a failed measurement
	if !statements || !r.Counted {
		return
	}
	for _, u := range r.Units {
		fmt.Fprintf(w, "\n%s: %.1f statements\n", u.What, u.Statements)
		for _, s := range u.Calls.order() {
			if calls := u.Calls[s]; calls >= 0.005 || calls <= -0.005 {
				fmt.Fprintf(w, "  %6.2f  %-7s  %s\n", calls, s.Who, s.Text)
			}
		}
	}
}
