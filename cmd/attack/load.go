package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"whatsapp-manager/cmd/internal/stack"
)

func readAnswer(resp *http.Response) (stack.Answer, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return stack.Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, err
}

// rss is the memory of a process in bytes, as the kernel counts it.
func rss(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// peakOf watches the memory of a process until stop is called.
func peakOf(pid int) (stop func() int64) {
	var peak int64
	done, quit := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			peak = max(peak, rss(pid))
			select {
			case <-quit:
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 { close(quit); <-done; return peak }
}

// fillMemory sends large bodies of which nothing can come.
func fillMemory(ctx context.Context, l *attackLab) ([]row, error) {
	stopped, err := l.user(ctx, "stopped")
	if err != nil {
		return nil, err
	}
	if stopped.id, stopped.key, err = stopped.client.Create(ctx, "stopped"); err != nil {
		return nil, err
	}
	large, logins := 24, 500
	if l.o.short {
		large, logins = 12, 150
	}
	const mib = 1 << 20
	before := rss(l.stack.ManagerPID())
	peak := peakOf(l.stack.ManagerPID())
	statuses := together(large, func(int) (int, error) {
		return pour(ctx, l, "/api/proxy/"+stopped.key+"/sendMessage",
			`{"params":["1@c.us",{"mimetype":"image/jpeg","data":"`, 30*mib)
	})
	most := peak()
	rows := []row{held(fmt.Sprintf("%d × 30 MiB for an instance that is stopped", large), "at most 256 MiB more, no 2xx",
		most-before < 256*mib && !strings.Contains(statuses, "200"), "%d MiB more; %s", (most-before)/mib, statuses)}

	before = rss(l.stack.ManagerPID())
	peak = peakOf(l.stack.ManagerPID())
	statuses = together(logins, func(int) (int, error) {
		return pour(ctx, l, "/api/auth/login", `{"email":"a@example.org","password":"`, mib)
	})
	most = peak()
	rows = append(rows, held(fmt.Sprintf("%d logins of 1 MiB", logins), "at most 128 MiB more, no 2xx",
		most-before < 128*mib && !strings.Contains(statuses, "200"), "%d MiB more; %s", (most-before)/mib, statuses))
	return append(rows, stillThere(ctx, l)), nil
}

// pour sends a body of n bytes that never becomes JSON.
func pour(ctx context.Context, l *attackLab, path, begin string, n int64) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.admin.Base+path,
		io.MultiReader(strings.NewReader(begin), io.LimitReader(letters{}, n)))
	if err != nil {
		return 0, err
	}
	req.ContentLength = int64(len(begin)) + n
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.admin.HTTP.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, nil
}

type letters struct{}

func (letters) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'A'
	}
	return len(b), nil
}

// together runs f n times at once and says which statuses came how often.
func together(n int, f func(i int) (int, error)) string {
	var mu sync.Mutex
	counts := map[string]int{}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			status, err := f(i)
			name := strconv.Itoa(status)
			if err != nil {
				name = "cut off"
			}
			mu.Lock()
			counts[name]++
			mu.Unlock()
		})
	}
	all.Wait()
	var text []string
	for name, n := range counts {
		text = append(text, fmt.Sprintf("%s × %d", name, n))
	}
	return strings.Join(text, ", ")
}

// stillThere asks for the health on a connection of its own.
func stillThere(ctx context.Context, l *attackLab) row {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	began := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.admin.Base+"/api/health/live", nil)
	if err != nil {
		return held("the health is asked for", "answered", false, "%v", err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return held("the health is asked for", "answered", false, "%v", err)
	}
	defer resp.Body.Close()
	return held("the health is asked for", "answered", resp.StatusCode == http.StatusOK, "%d after %s", resp.StatusCode,
		time.Since(began).Round(time.Millisecond))
}

// holdConnections opens connections on which nothing comes, or nothing is read.
func holdConnections(ctx context.Context, l *attackLab) ([]row, error) {
	n := 1000
	if l.o.short {
		n = 300
	}
	address := strings.TrimPrefix(l.admin.Base, "http://")
	host := "Host: " + address + "\r\n"
	var rows []row
	for _, kind := range []struct{ what, request string }{
		{
			"a body is announced and never comes",
			"POST /api/auth/login HTTP/1.1\r\n" + host + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
		},
		{
			"a chunked body that never ends",
			"POST /api/auth/login HTTP/1.1\r\n" + host + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
		},
		{"a header that never ends", "GET /api/health HTTP/1.1\r\n" + host + "X-Slow: "},
		{"nothing is sent", ""},
	} {
		held, shut := hold(ctx, address, kind.request, n)
		r := stillThere(ctx, l)
		r.tried = fmt.Sprintf("%s, %d times; %s", kind.what, n, r.tried)
		r.seen = fmt.Sprintf("%d connected; %s", held, r.seen)
		rows = append(rows, r)
		shut()
	}
	// One body that never comes: the answer comes, and the connection ends.
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return rows, err
	}
	defer c.Close()
	if _, err := io.WriteString(c,
		"POST /api/auth/login HTTP/1.1\r\n"+host+"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"); err != nil {
		return rows, err
	}
	began := time.Now()
	_ = c.SetReadDeadline(time.Now().Add(75 * time.Second))
	text, err := io.ReadAll(bufio.NewReader(c))
	over := err == nil
	return append(rows, row{
		tried: "one such body is waited for", want: "an answer, then the end",
		held: over && strings.Contains(string(text), " 408 "),
		seen: fmt.Sprintf("ended: %t after %s, %.30q", over, time.Since(began).Round(time.Second), text),
	}), nil
}

// hold opens n connections, sends the request on each, and counts those that
// were taken.
func hold(ctx context.Context, address, request string, n int) (taken int64, shut func()) {
	var count atomic.Int64
	var mu sync.Mutex
	var open []net.Conn
	var all sync.WaitGroup
	places := make(chan struct{}, 50)
	d := net.Dialer{Timeout: 3 * time.Second}
	for range n {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			c, err := d.DialContext(ctx, "tcp", address)
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			_ = c.SetWriteDeadline(time.Now().Add(3 * time.Second))
			if _, err := io.WriteString(c, request); err == nil {
				count.Add(1)
			}
		})
	}
	all.Wait()
	return count.Load(), func() {
		for _, c := range open {
			_ = c.Close()
		}
	}
}
