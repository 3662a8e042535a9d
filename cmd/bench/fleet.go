package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"whatsapp-manager/cmd/internal/stack"
)

// start measures how long instances that are paired take from the request to ready.
func start(ctx context.Context, l *benchLab) error {
	many := l.of(50, 5)
	return l.with(ctx, func(s *stack.Stack) error {
		all, err := l.link(ctx, s, many)
		if err != nil {
			return err
		}
		one, err := startAll(ctx, s, all[:1])
		if err != nil {
			return err
		}
		took, err := startAll(ctx, s, all)
		if err != nil {
			return err
		}
		l.table.row(fmt.Sprintf("start %d instances", many), ms(took)+fmt.Sprintf("  %.1f/s",
			float64(many)/took.Seconds()), ms(one)+"  one alone", "")
		return nil
	})
}

func startAll(ctx context.Context, s *stack.Stack, all []*linked) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for _, a := range all {
		answer, err := s.Client.Do(ctx, http.MethodPost, "/api/instances/"+a.id+"/stop", nil)
		if err != nil || answer.Status >= 300 {
			return 0, fmt.Errorf("stop: %d %s (%v)", answer.Status, answer.Body, err)
		}
	}
	if err := allAre(ctx, s, all, func(in stack.Instance) bool { return in.State == "stopped" }); err != nil {
		return 0, err
	}
	began := time.Now()
	group, starting := errgroup.WithContext(ctx)
	for _, a := range all {
		group.Go(func() error { return s.Client.Start(starting, a.id) })
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	err := allAre(ctx, s, all, func(in stack.Instance) bool { return in.Status == "ready" })
	return time.Since(began), err
}

// list reads every instance.
func list(ctx context.Context, s *stack.Stack) (map[string]stack.Instance, error) {
	found := map[string]stack.Instance{}
	for page := 1; ; page++ {
		var out struct {
			Instances  []stack.Instance `json:"instances"`
			Pagination struct {
				Pages int `json:"pages"`
			} `json:"pagination"`
		}
		if err := s.Client.Want(ctx, http.StatusOK, http.MethodGet, fmt.Sprintf("/api/instances?limit=100&page=%d",
			page), nil, &out); err != nil {
			return nil, err
		}
		for _, in := range out.Instances {
			found[in.ID] = in
		}
		if page >= out.Pagination.Pages {
			return found, nil
		}
	}
}

// allAre waits until ok holds for all of them.
func allAre(ctx context.Context, s *stack.Stack, all []*linked, ok func(stack.Instance) bool) error {
	return until(ctx, "all instances are there", 10*time.Millisecond, func() (bool, error) {
		found, err := list(ctx, s)
		if err != nil {
			return false, err
		}
		for _, a := range all {
			if !ok(found[a.id]) {
				return false, fmt.Errorf("%s is %s, %s", a.id, found[a.id].State, found[a.id].Status)
			}
		}
		return true, nil
	})
}

// memory measures the proportional set size of workers that have nothing to do.
func memory(ctx context.Context, l *benchLab) error {
	return l.with(ctx, func(s *stack.Stack) error {
		id, _, err := s.Client.Create(ctx, "never paired")
		if err != nil {
			return err
		}
		if err := s.Client.Start(ctx, id); err != nil {
			return err
		}
		if _, err := s.Client.QR(ctx, id); err != nil {
			return err
		}
		unpaired, err := l.idlePSS(ctx, s, nil, 1)
		if err != nil {
			return err
		}
		answer, err := s.Client.Do(ctx, http.MethodDelete, "/api/instances/"+id, nil)
		if err != nil || answer.Status >= 300 {
			return fmt.Errorf("delete: %d %s (%v)", answer.Status, answer.Body, err)
		}
		if err := until(ctx, "the worker is gone", 50*time.Millisecond,
			func() (bool, error) { return len(s.Workers()) == 0, nil }); err != nil {
			return err
		}
		counts := []int{1, 20, 100}
		if l.quick {
			counts = []int{5}
		}
		var all []*linked
		for _, n := range counts {
			more, err := l.link(ctx, s, n-len(all))
			if err != nil {
				return err
			}
			all = append(all, more...)
			each, err := l.idlePSS(ctx, s, all, n)
			if err != nil {
				return err
			}
			l.table.row(fmt.Sprintf("PSS per paired idle worker, of %d", n), fmt.Sprintf("%.1f MB", each/1e6),
				fmt.Sprintf("%.1f MB  never paired, alone", unpaired/1e6), "4.6 MB, never paired")
		}
		return nil
	})
}

// idlePSS waits until the workers have settled, that is until two looks five
// seconds apart agree within two percent, and returns the mean in bytes. A quick
// run does not wait: its figure is that of workers that have just begun.
func (l *benchLab) idlePSS(ctx context.Context, s *stack.Stack, all []*linked, want int) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	if err := allAre(ctx, s, all, func(in stack.Instance) bool { return in.Status == "ready" }); err != nil {
		return 0, err
	}
	// Workers give memory back after ten seconds without work, looking every five.
	select {
	case <-time.After(l.span(16*time.Second, time.Second)):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	last := 0.0
	err := until(ctx, "memory settles", 5*time.Second, func() (bool, error) {
		workers := s.Workers()
		sum := 0.0
		for id, pids := range workers {
			for _, pid := range pids {
				bytes, err := pss(pid)
				if err != nil {
					return false, fmt.Errorf("worker of %s: %w", id, err)
				}
				sum += bytes
			}
		}
		if len(workers) != want {
			return false, fmt.Errorf("%d of %d workers", len(workers), want)
		}
		mean := sum / float64(want)
		settled := l.quick || mean > 0.98*last && mean < 1.02*last
		last = mean
		return settled, nil
	})
	return last, err
}

func pss(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "Pss:" {
			kilobytes, err := strconv.ParseFloat(fields[1], 64)
			return kilobytes * 1024, err
		}
	}
	return 0, fmt.Errorf("no Pss in smaps_rollup of %d", pid)
}

// adopt measures how long a new manager takes until it serves the workers that
// the killed one left, which must be the same processes.
func adopt(ctx context.Context, l *benchLab) error {
	many := l.of(100, 8)
	s, err := stack.Start(ctx, stack.Options{Bin: l.Bin, Endpoint: l.Sim.Endpoint(), Env: []string{"WAM_LOG_LEVEL=info"}})
	if err != nil {
		return err
	}
	err = func() error {
		empty, _, err := again(ctx, s, nil)
		if err != nil {
			return err
		}
		all, err := l.link(ctx, s, many)
		if err != nil {
			return err
		}
		before, err := list(ctx, s)
		if err != nil {
			return err
		}
		took, recovery, err := again(ctx, s, all)
		if err != nil {
			return err
		}
		after, err := list(ctx, s)
		if err != nil {
			return err
		}
		for _, a := range all {
			if before[a.id].PID != after[a.id].PID || after[a.id].PID == 0 {
				return fmt.Errorf("the worker of %s was %d and is %d", a.id, before[a.id].PID, after[a.id].PID)
			}
		}
		l.table.row(fmt.Sprintf("adopt %d live workers", many), ms(recovery), "", "200 ms for 200")
		l.table.row("from spawn of the manager to all served", ms(took), ms(empty)+"  no workers", "")
		return nil
	}()
	if closing := s.Close(); err == nil {
		err = closing
	}
	return err
}

// again kills the manager, starts another, and returns how long it took until
// it serves all instances, and what it says its recovery took.
func again(ctx context.Context, s *stack.Stack, all []*linked) (took, recovery time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	s.KillManager()
	began := time.Now()
	if err := s.StartManager(); err != nil {
		return 0, 0, err
	}
	if err := s.Ready(ctx); err != nil {
		return 0, 0, err
	}
	if err := allAre(ctx, s, all, func(in stack.Instance) bool { return in.Status == "ready" }); err != nil {
		return 0, 0, err
	}
	took = time.Since(began)
	text, err := os.ReadFile(filepath.Join(s.Dir, "manager.log"))
	if err != nil {
		return 0, 0, fmt.Errorf("read log: %w", err)
	}
	for line := range bytes.Lines(text) {
		var entry struct {
			Message string  `json:"message"`
			Took    float64 `json:"took"` // milliseconds
		}
		if json.Unmarshal(line, &entry) == nil && entry.Message == "recovered" {
			recovery = time.Duration(entry.Took * float64(time.Millisecond))
		}
	}
	if recovery == 0 {
		return 0, 0, fmt.Errorf("the manager does not say how long its recovery took")
	}
	return took, recovery, nil
}
