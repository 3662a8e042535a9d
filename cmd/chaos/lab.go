package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
)

// lab is the installation under test with everything around it.
type lab struct {
	o        options
	bin      string // the installed programs, and below it the builds
	sim      *wasim.Server
	stack    *stack.Stack
	hook     *hook
	subjects []*subject

	admin     *stack.Client
	installed string // the stamp of the build in bin
	clock     *clock // nil: no step is planned
	ownVolume bool   // under the data directory, to be filled
}

// memoryLimit of a worker: small, so that a leak is over soon.
const memoryLimit = "192MiB"

// openLab builds the programs, starts simulator and product, and pairs the
// accounts. The caller ends it with the function returned, also after an error.
func openLab(ctx context.Context, o options) (l *lab, shut func() error, err error) {
	l = &lab{o: o}
	var undo []func() error
	shut = func() error {
		var errs []error
		for i := len(undo) - 1; i >= 0; i-- {
			errs = append(errs, undo[i]())
		}
		return errors.Join(errs...)
	}
	if l.bin, err = os.MkdirTemp("", "wam-chaos"); err != nil {
		return l, shut, fmt.Errorf("make directory: %w", err)
	}
	undo = append(undo, func() error { return os.RemoveAll(l.bin) })
	undo = append(undo, func() error {
		if l.clock == nil {
			return nil
		}
		return l.clock.close()
	})
	if err := l.build(ctx); err != nil {
		return l, shut, err
	}
	l.sim = &wasim.Server{}
	simulating, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- l.sim.Run(simulating) }()
	undo = append(undo, func() error { stop(); return <-ended })
	select {
	case <-l.sim.Started():
	case err := <-ended:
		ended <- nil
		return l, shut, fmt.Errorf("start simulator: %w", err)
	}
	if l.hook, err = newHook(); err != nil {
		return l, shut, err
	}
	undo = append(undo, func() error { l.hook.down(); return nil })
	starting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	l.stack, err = stack.Start(starting, stack.Options{Bin: l.bin, Endpoint: l.sim.Endpoint(), Volume: l.volume, Env: []string{
		"WAM_LOG_LEVEL=info", "WAM_SENDS_PER_MINUTE=0", "WAM_WORKER_BINARY=" + filepath.Join(l.bin, chaosWorker), "WAM_WORKER_MEMORY_LIMIT=" + memoryLimit,
	}})
	if err != nil {
		return l, shut, err
	}
	undo = append(undo, l.stack.Close)
	l.admin = &stack.Client{Base: l.stack.Client.Base, HTTP: l.stack.Client.HTTP, Token: l.stack.Client.Token}
	return l, shut, l.pair(ctx)
}

// pair makes the instances, a few at a time.
func (l *lab) pair(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	l.subjects = make([]*subject, l.o.instances)
	group, pairing := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for nr := range l.subjects {
		group.Go(func() (err error) {
			l.subjects[nr], err = l.enlist(pairing, nr)
			return err
		})
	}
	return group.Wait()
}

func (l *lab) enlist(ctx context.Context, nr int) (*subject, error) {
	s := &subject{nr: nr, nudge: make(chan struct{}, 1), hooked: map[int]time.Time{}, stream: streamed{times: map[int]int{}}}
	var err error
	if s.account, err = l.sim.CreateAccount(fmt.Sprint(15610000000+nr), fmt.Sprint("Instance ", nr), wasim.AccountOptions{}); err != nil {
		return nil, err
	}
	if s.contact, err = l.sim.CreateAccount(fmt.Sprint(15620000000+nr), fmt.Sprint("Contact ", nr), wasim.AccountOptions{}); err != nil {
		return nil, err
	}
	c := l.stack.Client
	if s.id, s.key, err = c.Create(ctx, fmt.Sprint("chaos ", nr)); err != nil {
		return nil, err
	}
	s.client = &stack.Client{Base: c.Base, Token: s.key, HTTP: c.HTTP}
	if err := c.Start(ctx, s.id); err != nil {
		return nil, err
	}
	qr, err := c.QR(ctx, s.id)
	if err != nil {
		return nil, err
	}
	if err := s.account.ScanQR(ctx, qr); err != nil {
		return nil, err
	}
	if _, err := s.client.Ready(ctx, s.id); err != nil {
		return nil, err
	}
	var out struct {
		Secret string `json:"secret"`
	}
	body := map[string]any{"url": l.hook.url(s), "events": []string{"message"}}
	if err := c.Want(ctx, http.StatusCreated, http.MethodPost, "/api/instances/"+s.id+"/webhooks", body, &out); err != nil {
		return nil, err
	}
	return s, l.hook.expect(s, out.Secret)
}
