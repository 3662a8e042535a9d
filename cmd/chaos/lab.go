package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"whatsapp-manager/cmd/internal/lab"
	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
)

// chaosLab is the installation under test with everything around it.
type chaosLab struct {
	*lab.Lab  // Bin holds the installed programs, and below it the builds
	o         options
	stack     *stack.Stack
	hook      *hook
	instances []*instanceUnderTest

	newcomers atomic.Int64 // accounts that were linked during the faults
	admin     *stack.Client
	installed string // the stamp of the build in bin
	clock     *clock // nil: no step is planned
	ownVolume bool   // under the data directory, to be filled
}

// memoryLimit of a worker: small, so that a leak is over soon.
const memoryLimit = "192MiB"

// openLab builds the programs, starts simulator and product, and pairs the
// accounts. The caller closes the lab, also after an error.
func openLab(ctx context.Context, o options) (*chaosLab, error) {
	base, err := lab.Start(ctx, "chaos")
	if err != nil {
		return nil, err
	}
	l := &chaosLab{Lab: base, o: o}
	l.Defer(func() error {
		if l.clock == nil {
			return nil
		}
		return l.clock.close()
	})
	if err := l.build(ctx); err != nil {
		return l, err
	}
	if l.hook, err = newHook(); err != nil {
		return l, err
	}
	l.Defer(func() error { l.hook.down(); return nil })
	starting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	l.stack, err = stack.Start(starting, stack.Options{
		Bin: l.Bin, Endpoint: l.Sim.Endpoint(),
		Volume: l.volume, Env: []string{
			"WAM_LOG_LEVEL=info", "WAM_SENDS_PER_MINUTE=0",
			"WAM_WORKER_BINARY=" + filepath.Join(l.Bin, chaosWorker), "WAM_WORKER_MEMORY_LIMIT=" + memoryLimit,
		},
	})
	if err != nil {
		return l, err
	}
	l.Defer(l.stack.Close)
	l.admin = &stack.Client{Base: l.stack.Client.Base, HTTP: l.stack.Client.HTTP, Token: l.stack.Client.Token}
	return l, l.pair(ctx)
}

// pair makes the instances, a few at a time.
func (l *chaosLab) pair(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	l.instances = make([]*instanceUnderTest, l.o.instances)
	group, pairing := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for nr := range l.instances {
		group.Go(func() (err error) {
			l.instances[nr], err = l.enlist(pairing, nr)
			return err
		})
	}
	return group.Wait()
}

func (l *chaosLab) enlist(ctx context.Context, nr int) (*instanceUnderTest, error) {
	s := &instanceUnderTest{
		nr: nr, nudge: make(chan struct{}, 1), hooked: map[int]time.Time{},
		stream: streamed{times: map[int]int{}},
	}
	var err error
	if s.account, err = l.Sim.CreateAccount(fmt.Sprint(15610000000+nr), fmt.Sprint("Instance ", nr),
		wasim.AccountOptions{}); err != nil {
		return nil, err
	}
	if s.contact, err = l.Sim.CreateAccount(fmt.Sprint(15620000000+nr), fmt.Sprint("Contact ", nr),
		wasim.AccountOptions{}); err != nil {
		return nil, err
	}
	c := l.stack.Client
	if s.id, s.key, err = lab.Pair(ctx, c, s.account, fmt.Sprint("chaos ", nr)); err != nil {
		return nil, err
	}
	s.client = &stack.Client{Base: c.Base, Token: s.key, HTTP: c.HTTP}
	var out struct {
		Secret string `json:"secret"`
	}
	body := map[string]any{"url": l.hook.url(s), "events": []string{"message"}}
	if err := c.Want(ctx, http.StatusCreated, http.MethodPost,
		"/api/instances/"+s.id+"/webhooks", body, &out); err != nil {
		return nil, err
	}
	return s, l.hook.expect(s, out.Secret)
}
