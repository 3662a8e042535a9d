package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"

	"whatsapp-manager/api"
	"whatsapp-manager/cmd/internal/stack"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// relay measures a call that costs the worker nothing (getState), over HTTP.
func relay(ctx context.Context, l *benchLab) error {
	return l.with(ctx, func(s *stack.Stack) error {
		all, err := l.link(ctx, s, 1)
		if err != nil {
			return err
		}
		return l.withDatabase(ctx, func(url string) error {
			return inProcess(ctx, url, func(base, key string) error {
				for _, clients := range []int{1, 16, 64} {
					ours, err := hammer(ctx, s.Client.Base+"/api/proxy/"+all[0].key+"/getState", clients,
						l.span(5*time.Second, 400*time.Millisecond))
					if err != nil {
						return err
					}
					direct, err := hammer(ctx, base+"/api/proxy/"+key+"/getState", clients,
						l.span(5*time.Second, 400*time.Millisecond))
					if err != nil {
						return err
					}
					reference := ""
					if clients == 16 {
						reference = "20000/s, 0.3-0.5 of in process"
					}
					l.table.row(fmt.Sprintf("%d clients", clients),
						fmt.Sprintf("%s  %s  (%.2f of baseline)", rate(ours.n, ours.took), latencies(ours.each),
							ours.perSecond()/direct.perSecond()),
						fmt.Sprintf("%s  %s  answered in process", rate(direct.n, direct.took), latencies(direct.each)), reference)
				}
				return nil
			})
		})
	})
}

// load is what a number of clients got done.
type load struct {
	n    int
	took time.Duration
	each []time.Duration
}

func (l load) perSecond() float64 { return float64(l.n) / l.took.Seconds() }

// hammer lets clients call one URL one after the other, each as fast as it is answered.
func hammer(ctx context.Context, url string, clients int, d time.Duration) (load, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	one := func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"params":[]}`))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			return errors.New("a request failed") // its error would show the key
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err == nil && (resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"result":"CONNECTED"`)) {
			err = fmt.Errorf("status %d: %.200s", resp.StatusCode, body)
		}
		return err
	}
	return repeat(clients, d, one)
}

// repeat runs one in many goroutines for a duration, and before that shortly for warmth.
func repeat(clients int, d time.Duration, one func() error) (load, error) {
	var failed error
	var once sync.Once
	round := func(d time.Duration) load {
		var stop atomic.Bool
		timer := time.AfterFunc(d, func() { stop.Store(true) })
		defer timer.Stop()
		each := make([][]time.Duration, clients)
		var all sync.WaitGroup
		began := time.Now()
		for i := range clients {
			all.Go(func() {
				for !stop.Load() {
					at := time.Now()
					if err := one(); err != nil {
						once.Do(func() { failed = err })
						return
					}
					each[i] = append(each[i], time.Since(at))
				}
			})
		}
		all.Wait()
		sum := load{took: time.Since(began)}
		for _, e := range each {
			sum.n += len(e)
			sum.each = append(sum.each, e...)
		}
		return sum
	}
	round(d / 5)
	return round(d), failed
}

// inProcess serves the same API in this process, with a worker that is a
// function: no second process and no RPC.
func inProcess(ctx context.Context, url string, f func(base, key string) error) (err error) {
	if err := store.Migrate(ctx, url); err != nil {
		return fmt.Errorf("make tables: %w", err)
	}
	st, err := store.Open(ctx, url)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer st.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	registry := prometheus.NewRegistry()
	server, err := api.New(api.Config{
		Listener: listener, AdminEmail: "admin@example.org",
		AdminPassword: "correct horse battery",
	},
		api.Deps{
			Store: st, Supervisor: fakeSupervisor{}, Log: zerolog.New(io.Discard).Level(zerolog.WarnLevel),
			Registerer: registry, Gatherer: registry,
		})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if _, err := server.EnsureAdmin(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(running) }()
	defer func() { stop(); err = errors.Join(err, <-ended) }()
	client := &stack.Client{Base: "http://" + listener.Addr().String(), HTTP: &http.Client{}}
	if err := client.Login(ctx, "admin@example.org", "correct horse battery"); err != nil {
		return err
	}
	_, key, err := client.Create(ctx, "in process")
	if err != nil {
		return err
	}
	return f(client.Base, key)
}

// fakeSupervisor stands where the supervisor stands; every instance has the same worker.
type fakeSupervisor struct{}

func (fakeSupervisor) Add(context.Context, supervisor.ID) error                      { return nil }
func (fakeSupervisor) Want(context.Context, supervisor.ID, supervisor.Desired) error { return nil }
func (fakeSupervisor) Restart(context.Context, supervisor.ID) error                  { return nil }
func (fakeSupervisor) FollowRawEvents(context.Context, supervisor.ID) error          { return nil }
func (fakeSupervisor) Remove(context.Context, supervisor.ID) error                   { return nil }
func (fakeSupervisor) Status(id supervisor.ID) (supervisor.Status, bool) {
	return supervisor.Status{ID: id}, true
}
func (fakeSupervisor) Statuses() []supervisor.Status { return nil }
func (fakeSupervisor) Worker(context.Context, supervisor.ID) (workerv1.WorkerClient, error) {
	return local{}, nil
}

func (fakeSupervisor) Subscribe(id supervisor.ID) *supervisor.Subscription {
	return new(supervisor.Hub).Subscribe(id)
}

func (fakeSupervisor) Recovered() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

// local answers calls at once; nothing else of a worker is asked here.
type local struct{ workerv1.WorkerClient }

func (local) Call(context.Context, *workerv1.CallRequest, ...grpc.CallOption) (*workerv1.CallResponse, error) {
	return &workerv1.CallResponse{Result: []byte(`"CONNECTED"`)}, nil
}
