package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	lookEvery = 100 * ms
	// A second worker lives for as long as it takes to find that the first holds
	// the instance. On a busy machine that is not at once, but it is soon.
	pairLasts = 5 * sec
)

// watchOverlaps watches the kernel's list of processes for instances with two workers
// until ctx ends. Two of them that speak to WhatsApp at one moment are wrong
// however short it was; two that merely exist are when they stay.
func (l *chaosLab) watchOverlaps(ctx context.Context) (looks int, wrong []string) {
	port := ""
	if u, err := url.Parse(l.Sim.Endpoint()); err == nil {
		port = u.Port()
	}
	since := map[string]time.Time{} // of pairs of processes
	reported := map[string]bool{}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return looks, wrong
		case <-tick.C:
		}
		looks++
		now := map[string]bool{}
		for id, pids := range l.stack.Workers() {
			if len(pids) < 2 {
				continue
			}
			pair := fmt.Sprint(id, pids)
			now[pair] = true
			if since[pair].IsZero() {
				since[pair] = time.Now()
			}
			speaking := 0
			for _, pid := range pids {
				if speaks(pid, port) {
					speaking++
				}
			}
			what := ""
			switch {
			case speaking > 1:
				what = fmt.Sprintf("instance %s: workers %v spoke to WhatsApp at the same moment", id, pids)
			case time.Since(since[pair]) > pairLasts:
				what = fmt.Sprintf("instance %s had the workers %v for %s", id, pids, pairLasts)
			}
			if what != "" && !reported[pair] {
				reported[pair] = true
				wrong = append(wrong, what)
			}
		}
		for pair := range since {
			if !now[pair] {
				delete(since, pair)
			}
		}
	}
}

// speaks tells whether a process has a TCP connection to the port.
func speaks(pid int, port string) bool {
	wanted, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return false
	}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	own := map[string]bool{}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, "socket:[") {
			own[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
		}
	}
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(table)) {
		// sl local remote state tx:rx tr:when retrnsmt uid timeout inode …
		f := strings.Fields(line)
		const established = "01"
		if len(f) > 9 && f[3] == established && strings.HasSuffix(f[2], fmt.Sprintf(":%04X", wanted)) && own[f[9]] {
			return true
		}
	}
	return false
}
