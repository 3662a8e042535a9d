package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"whatsapp-manager/cmd/internal/stack"
)

// pressure measures how much memory the manager takes at most while many large
// requests come at once, beside what the requests weigh.
func pressure(ctx context.Context, l *benchLab) error {
	return l.with(ctx, func(s *stack.Stack) error {
		id, key, err := s.Client.Create(ctx, "stopped")
		if err != nil {
			return err
		}
		rest, err := peakOf(s.ManagerPID(), func() error {
			return s.Client.Want(ctx, http.StatusOK, http.MethodGet,
				"/api/health", nil, nil)
		})
		if err != nil {
			return err
		}
		l.table.row("at rest", megabytes(rest), "", "")
		calls, logins := l.of(24, 4), l.of(500, 50)
		for _, load := range []struct {
			what, path string
			n          int
			size       int64
			reference  string
		}{
			{
				"%d calls of 30 MiB, stopped instance", "/api/proxy/" + key + "/sendMessage", calls, 30 << 20,
				"4.7 GB before bodies had a budget",
			},
			{"%d logins of 1 MiB", "/api/auth/login", logins, 1 << 20, "1.2 GB before"},
			{"%d logins of 60 KiB", "/api/auth/login", logins, 60 << 10, ""},
			{"%d sends of 30 MiB into its queue", "/api/instances/" + id + "/sends", calls, 30 << 20, ""},
		} {
			statuses := map[int]int{}
			peak, err := peakOf(s.ManagerPID(), func() (err error) {
				statuses, err = press(ctx, s.Client.Base+load.path, key, load.n, load.size)
				return err
			})
			if err != nil {
				return err
			}
			l.table.row(fmt.Sprintf(load.what, load.n), fmt.Sprintf("%s  answered %s", megabytes(peak), tally(statuses)),
				megabytes(float64(load.n)*float64(load.size))+" sent", load.reference)
		}
		return nil
	})
}

// press sends n bodies at once and counts the answers; 0 is a connection that
// was closed without one.
func press(ctx context.Context, url, key string, n int, size int64) (map[int]int, error) {
	head, tail := `{"params":["1@c.us",{"mimetype":"image/png","data":"`, `"}]}`
	login := strings.HasSuffix(url, "/login")
	if login {
		head, tail = `{"email":"a@example.org","password":"`, `"}`
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Minute}
	answers := make([]int, n)
	group, ctx := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() error {
			body := io.MultiReader(strings.NewReader(head), io.LimitReader(same('A'), size), strings.NewReader(tail))
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
			if err != nil {
				return err
			}
			req.ContentLength = size + int64(len(head)+len(tail))
			req.Header.Set("Content-Type", "application/json")
			if !login {
				req.Header.Set("X-API-Key", key)
			}
			resp, err := client.Do(req)
			if err != nil {
				return ctx.Err()
			}
			defer resp.Body.Close()
			answers[i] = resp.StatusCode
			_, _ = io.Copy(io.Discard, resp.Body)
			return nil
		})
	}
	err := group.Wait()
	statuses := map[int]int{}
	for _, status := range answers {
		statuses[status]++
	}
	return statuses, err
}

// same is a reader of one character without end.
type same byte

func (s same) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s)
	}
	return len(p), nil
}

// peakOf is the most resident memory that the process had while work ran.
func peakOf(pid int, work func() error) (float64, error) {
	// 5 resets the kernel's note of the peak.
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		return 0, fmt.Errorf("reset the peak: %w", err)
	}
	if err := work(); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kilobytes, err := strconv.ParseFloat(fields[1], 64)
			return kilobytes * 1024, err
		}
	}
	return 0, fmt.Errorf("no VmHWM in status of %d", pid)
}

func megabytes(bytes float64) string { return fmt.Sprintf("%.0f MB", bytes/1e6) }

// tally prints how often each status came: 409×24.
func tally(statuses map[int]int) string {
	var parts []string
	for status := range 600 {
		if n := statuses[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d×%d", status, n))
		}
	}
	return strings.Join(parts, " ")
}
