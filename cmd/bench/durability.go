package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/cmd/internal/stack"
)

// durability measures the price of the rule that a message is received when
// Postgres has it on disk: the same bursts with commits that wait for the disk
// and with commits that do not, and the plain inserts behind them.
func durability(ctx context.Context, l *benchLab) error {
	many := l.of(20, 3)
	burst := []int{l.of(1500, 60), l.of(100, 10)} // of one instance, of each of many
	return l.withDatabase(ctx, func(base string) error {
		var product [2][2]load // waiting or not; one instance or many
		for i, wait := range []string{"on", "off"} {
			database, err := fresh(ctx, base, "bench_durability")
			if err != nil {
				return err
			}
			if err := execute(ctx, base, "alter database bench_durability set synchronous_commit = "+wait); err != nil {
				return err
			}
			err = l.with(ctx, func(s *stack.Stack) error {
				all, err := l.link(ctx, s, many)
				if err != nil {
					return err
				}
				product[i], err = l.bursts(ctx, s, all, burst)
				return err
			}, "WAM_DATABASE_URL="+database)
			if err != nil {
				return err
			}
		}
		for k, n := range []int{1, many} {
			on, off := product[0][k], product[1][k]
			l.table.row(fmt.Sprintf("burst into %d instances", n),
				fmt.Sprintf("%s on disk  (%.2f of baseline)", rate(on.n, on.took), on.perSecond()/off.perSecond()),
				rate(off.n, off.took)+"  commits do not wait for the disk", "")
		}
		return l.inserts(ctx, base)
	})
}

// inserts measures Postgres alone with rows of an event's size.
func (l *benchLab) inserts(ctx context.Context, base string) error {
	database, err := fresh(ctx, base, "bench_durability")
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "create table event (seq bigint primary key, payload text not null)"); err != nil {
		return fmt.Errorf("make table: %w", err)
	}
	payload := strings.Repeat("an event of ordinary size ", 100)
	seq := 0
	insert := func(d time.Duration) (load, error) {
		began := time.Now()
		n := 0
		for ; time.Since(began) < d; n++ {
			seq++
			if _, err := conn.Exec(ctx, "insert into event values ($1, $2)", seq, payload); err != nil {
				return load{}, fmt.Errorf("insert: %w", err)
			}
		}
		return load{n: n, took: time.Since(began)}, nil
	}
	span := l.span(3*time.Second, 300*time.Millisecond)
	var rates []load
	for _, before := range []string{"set synchronous_commit = on", "set synchronous_commit = off", "begin"} {
		if _, err := conn.Exec(ctx, before); err != nil {
			return fmt.Errorf("%s: %w", before, err)
		}
		r, err := insert(span)
		if err != nil {
			return err
		}
		rates = append(rates, r)
	}
	if _, err := conn.Exec(ctx, "rollback"); err != nil {
		return fmt.Errorf("rollback: %w", err)
	}
	for i, what := range []string{
		"plain inserts, each its own commit on disk",
		"plain inserts, commits that do not wait",
	} {
		l.table.row(what, fmt.Sprintf("%s  (%.2f of baseline)", rate(rates[i].n, rates[i].took),
			rates[i].perSecond()/rates[2].perSecond()),
			rate(rates[2].n, rates[2].took)+"  without a transaction of their own", "")
	}
	return nil
}

func execute(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}
