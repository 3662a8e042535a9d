package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/libsignal/logger"
	"go.mau.fi/whatsmeow"
	"golang.org/x/sync/errgroup"

	"whatsapp-manager/cmd/internal/lab"
	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/supervisor/localpg"
	"whatsapp-manager/worker/wasim"
)

// benchLab is what all measurements share.
type benchLab struct {
	*lab.Lab
	quick   bool
	table   *table
	numbers atomic.Uint64
	cluster *localpg.Cluster // of the baselines; nil until one needs it
}

// openLab builds the programs and starts the simulator. The caller closes the
// lab that is returned without an error.
func openLab(ctx context.Context, quick bool) (*benchLab, error) {
	base, err := lab.Start(ctx, "bench")
	if err != nil {
		return nil, err
	}
	l := &benchLab{Lab: base, quick: quick}
	err = lab.Build(ctx, l.Bin, nil, lab.Program{Package: lab.Manager}, lab.Program{Package: lab.Worker})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	whatsmeow.WACertPubKey = l.Sim.Root().Public() // for the baselines in this process
	var quiet logger.Loggable = silentLogger{}
	logger.Setup(&quiet)
	return l, nil
}

// of is n, or fewer when the run shall be quick.
func (l *benchLab) of(n, quick int) int {
	if l.quick {
		return quick
	}
	return n
}

// span is d, or less when the run shall be quick.
func (l *benchLab) span(d, quick time.Duration) time.Duration {
	if l.quick {
		return quick
	}
	return d
}

// withDatabase runs f with the database of the baselines, which the lab keeps.
func (l *benchLab) withDatabase(ctx context.Context, f func(url string) error) error {
	if l.cluster == nil {
		data := filepath.Join(l.Bin, "baseline")
		if err := os.Mkdir(data, 0o755); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
		cluster, err := localpg.Ensure(ctx, localpg.Config{DataDir: data, Log: zerolog.Nop(), ManyDatabases: true})
		if err != nil {
			return fmt.Errorf("start Postgres: %w", err)
		}
		l.cluster = cluster
		l.Defer(func() error { return cluster.Stop(context.WithoutCancel(ctx)) })
	}
	return f(l.cluster.URL())
}

// person creates somebody with a phone.
func (l *benchLab) person() (*wasim.Account, error) {
	return l.Sim.CreateAccount(fmt.Sprint(15600000000+l.numbers.Add(1)), "Bench", wasim.AccountOptions{})
}

// unlimited are the settings without which a measurement finds a limit instead of
// what the product can do.
var unlimited = []string{"WAM_SENDS_PER_MINUTE=0", "WAM_CALLS_PER_SECOND=0", "WAM_INBOUND_PER_SECOND=0"}

// with runs a measurement on an installation of its own, without limits.
func (l *benchLab) with(ctx context.Context, measure func(*stack.Stack) error, settings ...string) error {
	return l.limited(ctx, measure, slices.Concat(unlimited, settings)...)
}

// limited is with under the limits of the settings, for what measures the limits.
func (l *benchLab) limited(ctx context.Context, measure func(*stack.Stack) error, settings ...string) (err error) {
	s, err := stack.Start(ctx, stack.Options{
		Bin: l.Bin, Endpoint: l.Sim.Endpoint(),
		Env: append(settings, "WAM_LOG_LEVEL=warn"),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return measure(s)
}

// linked is an instance with a paired account.
type linked struct {
	*wasim.Account
	id, key string
}

// link pairs n new accounts with new instances, a few at a time.
func (l *benchLab) link(ctx context.Context, s *stack.Stack, n int) ([]*linked, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute+time.Duration(n)*time.Second)
	defer cancel()
	all := make([]*linked, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range all {
		group.Go(func() error {
			account, err := l.person()
			if err != nil {
				return err
			}
			id, key, err := lab.Pair(ctx, s.Client, account, "instance of "+account.Number())
			if err != nil {
				return err
			}
			all[i] = &linked{Account: account, id: id, key: key}
			return all[i].device().WaitIdle(ctx)
		})
	}
	return all, group.Wait()
}

// device is the account's companion.
func (a *linked) device() *wasim.Device { return newest(a.Account) }

func newest(a *wasim.Account) *wasim.Device {
	devices := a.Devices()
	return devices[len(devices)-1]
}

// until polls what has no event, such as the list of instances. The error that ok
// gives says why it is not done yet.
func until(ctx context.Context, what string, gap time.Duration, ok func() (bool, error)) error {
	tick := time.NewTicker(gap)
	defer tick.Stop()
	var last error
	for {
		done, err := ok()
		if done {
			return nil
		}
		last = err
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w (%v)", what, ctx.Err(), last)
		case <-tick.C:
		}
	}
}

// silentLogger keeps libsignal from printing.
type silentLogger struct{}

func (silentLogger) Debug(string, string)   {}
func (silentLogger) Info(string, string)    {}
func (silentLogger) Warning(string, string) {}
func (silentLogger) Error(string, string)   {}
func (silentLogger) Configure(string)       {}
