package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"whatsapp-manager/cmd/internal/stack"
)

// streamed is what a reader of the event stream has seen. The fields belong to
// the instanceUnderTest's mutex.
type streamed struct {
	last   uint64
	opened int
	times  map[int]int // how often message n came
	gaps   []string

	cameAt, committed time.Time // of the newest event, by this clock and by the worker's
}

// follow reads the instance's event stream until ctx ends, and opens it again
// behind the last event whenever it breaks.
func (s *instanceUnderTest) follow(ctx context.Context) {
	for ctx.Err() == nil {
		s.read(ctx) // how it ends does not matter: the next one has to go on seamlessly
		select {
		case <-ctx.Done():
		case <-time.After(200 * ms):
		}
	}
}

func (s *instanceUnderTest) read(ctx context.Context) {
	s.mu.Lock()
	last := s.stream.last
	s.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.client.Base+"/api/instances/"+s.id+"/events", nil)
	if err != nil {
		return
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("X-API-Key", s.key)
	req.Header.Set("Last-Event-ID", strconv.FormatUint(last, 10))
	resp, err := s.client.HTTP.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return
	}
	s.mu.Lock()
	s.stream.opened++
	s.mu.Unlock()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 8<<20)
	var id uint64
	var data string
	for lines.Scan() {
		// An event is whole at its empty line; what a killed manager leaves in the
		// middle of one is none (WHATWG HTML, 9.2.6) and comes again.
		if lines.Text() == "" && data != "" {
			s.streamed(id, data)
			data = ""
		}
		if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			if id, err = strconv.ParseUint(text, 10, 64); err != nil {
				s.stray("the stream has the id %q", text)
			}
		}
		if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			data = text
		}
	}
}

func (s *instanceUnderTest) streamed(id uint64, text string) {
	var ev stack.Event
	if err := json.Unmarshal([]byte(text), &ev); err != nil {
		s.stray("the stream has an event %d that is no JSON: %v", id, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id != s.stream.last+1 || ev.Seq != id {
		s.stream.gaps = append(s.stream.gaps, fmt.Sprintf("instance %d: the stream goes from %d to %d (seq %d)",
			s.nr, s.stream.last, id, ev.Seq))
	}
	s.stream.last = id
	s.stream.cameAt, s.stream.committed = time.Now(), ev.Timestamp
	if m, err := ev.Message(); err == nil && ev.Event == "message" {
		if n, ours := s.number(m.Body); ours && n > 0 {
			s.stream.times[n]++
		}
	}
}
