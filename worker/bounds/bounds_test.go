package bounds

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
)

func TestBudgetIsShared(t *testing.T) {
	b := NewBudget(100)
	b.patience = 50 * time.Millisecond
	one, two := b.Share(), b.Share()
	if err := one.Take(t.Context(), 101); !fault.Is(err, fault.TooLarge) {
		t.Errorf("more than there is: %v", err)
	}
	if err := one.Take(t.Context(), 60); err != nil {
		t.Fatal(err)
	}
	if err := one.Take(t.Context(), 41); !fault.Is(err, fault.TooLarge) {
		t.Errorf("more than there is, in two steps: %v", err)
	}
	var f *fault.Error
	if err := two.Take(t.Context(), 50); !errors.As(err, &f) || f.Kind != fault.RateLimited || f.RetryAfter == 0 {
		t.Errorf("while the other has it: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := two.Take(ctx, 50); !errors.Is(err, context.Canceled) {
		t.Errorf("of a call that is over: %v", err)
	}
	b.patience = time.Minute
	took := make(chan error, 1)
	go func() { took <- two.Take(t.Context(), 50) }()
	one.Release()
	if err := <-took; err != nil {
		t.Errorf("when it is free again: %v", err)
	}
	if err := one.Take(t.Context(), 1); err == nil {
		t.Error("a share that was released takes")
	}
	two.Release()
	if !b.free.TryAcquire(100) {
		t.Error("something is kept")
	}
}

// TestBodiesAreCounted: neither what a server says nor what it leaves out counts.
func TestBodiesAreCounted(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body := strings.Repeat("x", 5000)
		if r.URL.Path == "/said" {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		} else {
			w.(http.Flusher).Flush() // chunks
		}
		_, _ = io.WriteString(w, body)
	}))
	defer server.Close()
	client := &http.Client{Transport: Transport{Next: http.DefaultTransport}}
	defer client.CloseIdleConnections()
	get := func(limit *Limit, path string) (int, error) {
		ctx := t.Context()
		if limit != nil {
			ctx = With(ctx, limit)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Errorf("the request failed, which whatsmeow tries again: %v", err)
			return 0, err
		}
		defer resp.Body.Close()
		if limit != nil && resp.ContentLength > limit.Most {
			t.Errorf("%d bytes are promised to a reader who gets at most %d", resp.ContentLength, limit.Most)
		}
		body, err := io.ReadAll(resp.Body)
		return len(body), err
	}
	for name, tc := range map[string]struct {
		limit *Limit
		path  string
		want  fault.Kind
	}{
		"without a limit":           {nil, "/", ""},
		"within":                    {&Limit{Most: 5000}, "/", ""},
		"beyond":                    {&Limit{Most: 4999}, "/", fault.TooLarge},
		"beyond, and it says so":    {&Limit{Most: 4999}, "/said", fault.TooLarge},
		"within the memory":         {&Limit{Most: 5000, Share: NewBudget(20000).Share(), Times: 4}, "/", ""},
		"more than there is memory": {&Limit{Most: 5000, Share: NewBudget(19999).Share(), Times: 4}, "/", fault.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := get(tc.limit, tc.path)
			if tc.want == "" && (err != nil || n != 5000) || tc.want != "" && !fault.Is(err, tc.want) {
				t.Errorf("read %d bytes, %v", n, err)
			}
		})
	}
	// whatsmeow asks the next host after a failure; that is not asked any more.
	limit := &Limit{Most: 10}
	_, _ = get(limit, "/")
	before := asked.Load()
	if _, err := get(limit, "/"); !fault.Is(err, fault.TooLarge) || asked.Load() != before {
		t.Errorf("asked again: %v", err)
	}
}

func TestInflate(t *testing.T) {
	var buf bytes.Buffer
	w := zlib.NewWriter(&buf)
	_, _ = w.Write(make([]byte, 1<<20))
	_ = w.Close()
	if raw, err := Inflate(buf.Bytes(), 1<<20); err != nil || len(raw) != 1<<20 || cap(raw) > 1<<20+bytes.MinRead {
		t.Errorf("%d bytes in room for %d, %v", len(raw), cap(raw), err)
	}
	if _, err := Inflate(buf.Bytes(), 1<<20-1); !errors.Is(err, ErrTooMuch) {
		t.Errorf("beyond: %v", err)
	}
	for name, raw := range map[string][]byte{"nothing": nil, "no zlib": []byte("hello"), "half": buf.Bytes()[:buf.Len()/2]} {
		t.Run(name, func(t *testing.T) {
			if _, err := Inflate(raw, 1<<30); err == nil || errors.Is(err, ErrTooMuch) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// TestCostIsAboveWhatItTakes holds the estimate against the library.
func TestCostIsAboveWhatItTakes(t *testing.T) {
	kind := (&waHistorySync.HistorySync{}).ProtoReflect().Descriptor()
	history := &waHistorySync.HistorySync{SyncType: waHistorySync.HistorySync_FULL.Enum()}
	for i := range 2000 {
		history.Conversations = append(history.Conversations, &waHistorySync.Conversation{ID: proto.String(fmt.Sprint(i, "@s.whatsapp.net")), Name: proto.String("somebody"), UnreadCount: proto.Uint32(3)})
	}
	real, err := (proto.MarshalOptions{AllowPartial: true}).Marshal(history)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"real": real, "empty conversations": bytes.Repeat([]byte{0x12, 0}, 20000), "push names": bytes.Repeat([]byte{0x3a, 0}, 20000), "unknown fields": bytes.Repeat([]byte{0xf8, 0x3f, 1}, 20000)} {
		t.Run(name, func(t *testing.T) {
			cost, err := Cost(raw, kind, 1<<40)
			if err != nil {
				t.Fatal(err)
			}
			takes := testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(raw, &waHistorySync.HistorySync{}); err != nil {
						b.Fatal(err)
					}
				}
			}).AllocedBytesPerOp()
			t.Logf("%d bytes take %d, counted as %d", len(raw), takes, cost)
			// Slices that grow leave their former selves behind, which are free again.
			if cost < takes/2 || cost > takes*4 {
				t.Errorf("%d bytes take %d, counted as %d", len(raw), takes, cost)
			}
			if _, err := Cost(raw, kind, cost-1); !errors.Is(err, ErrTooMuch) {
				t.Errorf("beyond: %v", err)
			}
		})
	}
	for name, raw := range map[string][]byte{"cut off": {0x12, 5, 1}, "no tag": {0}} {
		t.Run(name, func(t *testing.T) {
			if _, err := Cost(raw, kind, 1<<40); err == nil {
				t.Errorf("%s: no error", name)
			}
		})
	}
}

func FuzzCost(f *testing.F) {
	kind := (&waHistorySync.HistorySync{}).ProtoReflect().Descriptor()
	f.Add([]byte{0x12, 0, 0x12, 2, 0x0a, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		cost, err := Cost(raw, kind, 1<<20)
		if err == nil && (cost < int64(len(raw)) || cost > 1<<20) {
			t.Errorf("%d bytes cost %d", len(raw), cost)
		}
	})
}

// TestATransferThatStandsStillEnds, on its way out, before the answer and in it.
func TestATransferThatStandsStillEnds(t *testing.T) {
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/answer":
			_, _ = io.WriteString(w, "x")
			w.(http.Flusher).Flush()
		case "/slow":
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for range 20 {
				_, _ = io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				<-tick.C
			}
			return
		}
		<-over
	}))
	defer server.Close()
	defer close(over)
	client := &http.Client{Transport: Transport{Next: http.DefaultTransport, Idle: 150 * time.Millisecond}}
	defer client.CloseIdleConnections()
	for name, want := range map[string]error{"/": ErrStalled, "/answer": ErrStalled, "/slow": nil} {
		t.Run(name, func(t *testing.T) {
			resp, err := client.Get(server.URL + name)
			if err == nil {
				defer resp.Body.Close()
				_, err = io.ReadAll(resp.Body)
			}
			if !errors.Is(err, want) {
				t.Errorf("ended with %v", err)
			}
		})
	}
	t.Run("on its way out", func(t *testing.T) {
		r, w := io.Pipe()
		defer w.Close()
		resp, err := client.Post(server.URL, "application/octet-stream", r)
		if err == nil {
			resp.Body.Close()
		}
		if !errors.Is(err, ErrStalled) {
			t.Errorf("ended with %v", err)
		}
	})
}
