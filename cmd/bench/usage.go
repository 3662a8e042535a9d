package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"whatsapp-manager/proto/process"
)

// usage is one look at what the product takes of the machine.
type usage struct {
	at                         time.Time
	workers                    int
	workerPSS, manager, pg     float64       // bytes: of all workers, the manager, all of Postgres
	workerCPU, managerCPU, cpu time.Duration // since the processes began; cpu: of Postgres
	fds                        int           // open in workers and the manager
	connections                int           // to Postgres
}

// watch looks until ctx ends, at least nine times, so that each third has a few.
func (r *soaking) watch(ctx context.Context) ([]usage, error) {
	gap := min(r.plan.span/12, 10*time.Second)
	tick := time.NewTicker(gap)
	defer tick.Stop()
	var all []usage
	for {
		u, err := r.look()
		if err != nil {
			return all, err
		}
		all = append(all, u)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return all, nil
		}
	}
}

func (r *soaking) look() (usage, error) {
	u := usage{at: time.Now()}
	add := func(pid int, memory *float64, cpu *time.Duration) error {
		bytes, err := pss(pid)
		if err != nil {
			return err
		}
		ticks, err := cpuOf(pid)
		if err != nil {
			return err
		}
		*memory += bytes
		*cpu += ticks
		return nil
	}
	open := func(pid int) error {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		u.fds += len(fds)
		return err
	}
	for id, pids := range r.stack.Workers() {
		for _, pid := range pids {
			u.workers++
			if err := errors.Join(add(pid, &u.workerPSS, &u.workerCPU), open(pid)); err != nil {
				return u, fmt.Errorf("look at the worker of %s: %w", id, err)
			}
		}
	}
	if err := errors.Join(add(r.stack.ManagerPID(), &u.manager, &u.managerCPU), open(r.stack.ManagerPID())); err != nil {
		return u, fmt.Errorf("look at the manager: %w", err)
	}
	for _, pid := range family(r.stack.Postgres()) {
		// Backends come and go: one that is gone uses nothing.
		if err := add(pid, &u.pg, &u.cpu); err != nil && !errors.Is(err, os.ErrNotExist) {
			continue
		}
		if isBackend(pid) {
			u.connections++
		}
	}
	return u, nil
}

// family is a process and its children.
func family(parent int) []int {
	pids := []int{parent}
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, e := range entries {
		pid, _ := strconv.Atoi(filepath.Base(e))
		if st, err := process.ReadStat(pid); err == nil && st.Parent == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}

// isBackend tells whether a process of Postgres serves a connection.
func isBackend(pid int) bool {
	title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.HasPrefix(string(title), "postgres: ") && strings.Contains(string(title), "[local]")
}

// cpuOf is the time that a process has computed.
func cpuOf(pid int) (time.Duration, error) {
	st, err := process.ReadStat(pid)
	if err != nil {
		return 0, err
	}
	const ticks = 100 // a second; Linux tells user space so whatever it uses itself
	return time.Duration(st.UserTicks+st.SystemTicks) * time.Second / ticks, nil
}

// report prints the figures of the three thirds of the time, and what of the
// first third the last one is.
func (r *soaking) report(w io.Writer, all []usage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(w, "%d messages, all arrived; %d of them began late because %d were under way\n",
		len(r.messages), r.late.Load(), soakAtOnce)
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(out, "\tfirst third\tsecond\tthird\tthird of first")
	line := func(what, format string, of func(third int) float64) {
		first, second, last := of(0), of(1), of(2)
		growth := "–"
		if first > 0 {
			growth = fmt.Sprintf("%.2f", last/first)
		}
		fmt.Fprintf(out, "  %s\t"+format+"\t"+format+"\t"+format+"\t%s\n", what, first, second, last, growth)
	}
	third := func(at time.Time) int {
		return min(2, int(3*at.Sub(r.began)/max(r.plan.span, 1)))
	}
	mean := func(of func(usage) float64) func(int) float64 {
		return func(n int) float64 {
			sum, looks := 0.0, 0
			for _, u := range all {
				if third(u.at) == n {
					sum += of(u)
					looks++
				}
			}
			return sum / float64(max(looks, 1))
		}
	}
	share := func(of func(usage) time.Duration) func(int) float64 {
		return func(n int) float64 {
			var in []usage
			for _, u := range all {
				if third(u.at) == n {
					in = append(in, u)
				}
			}
			if len(in) < 2 {
				return 0
			}
			first, last := in[0], in[len(in)-1]
			return 100 * float64(of(last)-of(first)) / float64(last.at.Sub(first.at))
		}
	}
	line("workers", "%.0f", mean(func(u usage) float64 { return float64(u.workers) }))
	line("PSS per worker, MB", "%.2f", mean(func(u usage) float64 {
		return u.workerPSS / float64(max(u.workers,
			1)) / 1e6
	}))
	line("PSS of the manager, MB", "%.1f", mean(func(u usage) float64 { return u.manager / 1e6 }))
	line("PSS of Postgres, MB", "%.1f", mean(func(u usage) float64 { return u.pg / 1e6 }))
	line("CPU of the workers, % of a core", "%.1f", share(func(u usage) time.Duration { return u.workerCPU }))
	line("CPU of the manager, % of a core", "%.1f", share(func(u usage) time.Duration { return u.managerCPU }))
	line("CPU of Postgres, % of a core", "%.1f", share(func(u usage) time.Duration { return u.cpu }))
	line("open descriptors", "%.0f", mean(func(u usage) float64 { return float64(u.fds) }))
	line("connections to Postgres", "%.0f", mean(func(u usage) float64 { return float64(u.connections) }))
	for d := range directions {
		var waits [3][]time.Duration
		for _, m := range r.messages {
			if m.direction == d && m.copies > 0 {
				waits[third(m.sent)] = append(waits[third(m.sent)], m.arrived.Sub(m.sent))
			}
		}
		for _, q := range []float64{0.5, 0.99} {
			line(fmt.Sprintf("%s, p%.0f, ms", directionNames[d], 100*q), "%.1f", func(n int) float64 {
				return float64(quantile(slices.Clone(waits[n]), q).Microseconds()) / 1000
			})
		}
	}
	_ = out.Flush() // a closed terminal is not a failed measurement
}
