package main

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestChaos is a short run. CHAOS_SEED replays one.
func TestChaos(t *testing.T) {
	o := options{
		seed: uint64(time.Now().UnixNano()) % (1 << 32), instances: 6,
		length: 40 * time.Second, rate: 1, say: t.Logf,
	}
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		var err error
		if o.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	if testing.Short() {
		t.Skip("takes more than a minute")
	}
	t.Logf("CHAOS_SEED=%d", o.seed)
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	v, err := run(ctx, o)
	if v != nil {
		var text strings.Builder
		v.print(&text)
		t.Log(text.String())
		if len(v.wrong) > 0 {
			t.Errorf("%d promises were broken", len(v.wrong))
		}
		if q := v.queue; q.atOnce.sent < 5 || q.scheduled.sent < 5 || q.cancelled < 5 {
			t.Errorf("%d queued, %d scheduled, %d cancelled: too little happened to prove anything",
				q.atOnce.sent, q.scheduled.sent, q.cancelled)
		}
		if v.in.sent < 100 || v.out.accepted < 50 || len(v.history.all) < 20 {
			t.Errorf("%d messages in, %d out, %d faults: too little happened to prove anything", v.in.sent,
				v.out.accepted, len(v.history.all))
		}
	}
	if err != nil {
		t.Error(err)
	}
}

func TestTheScheduleFollowsFromTheSeed(t *testing.T) {
	o := options{seed: 7, instances: 20, length: 30 * time.Minute}
	first := schedule(o).sorted()
	if !slices.Equal(first, schedule(o).sorted()) {
		t.Error("the same seed gave another schedule")
	}
	o.seed = 8
	if slices.Equal(first, schedule(o).sorted()) {
		t.Error("another seed gave the same schedule")
	}
	seen := map[string]int{}
	ends := map[int][]time.Duration{}
	for _, f := range first {
		seen[f.kind]++
		if f.kind == workerKill || f.kind == workerStop || f.kind == workerLeak {
			ends[f.victim] = append(ends[f.victim], f.at)
		}
	}
	for _, l := range tracks() {
		for _, k := range l.kinds {
			if seen[k.name] == 0 {
				t.Errorf("%s never happens", k.name)
			}
		}
	}
	for victim, at := range ends {
		for i := range at {
			if i >= mostEnds && at[i]-at[i-mostEnds] <= endsWithin {
				t.Errorf("instance %d: five ends of its worker within %s open the breaker", victim, at[i]-at[i-mostEnds])
			}
		}
	}
}
