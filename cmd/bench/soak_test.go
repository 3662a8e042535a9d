package main

import (
	"bytes"
	"context"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// A soak of some seconds: that every message arrives once is proven by the soak
// itself, that it counted any, and found figures, is proven here.
func TestShortSoak(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	l, err := openLab(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	var out bytes.Buffer
	plan := soakPlan{span: 5 * time.Second, instances: 5, rate: 20}
	if err := l.soak(ctx, plan, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	t.Log(out.String())
	figure := func(pattern string) float64 {
		t.Helper()
		found := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(out.String())
		if found == nil {
			t.Errorf("no figure for %s", pattern)
			return 0
		}
		v, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		return v
	}
	if n := figure(`^(\d+) messages, all arrived`); n < plan.rate*plan.span.Seconds()/2 {
		t.Errorf("only %.0f messages", n)
	}
	if n := figure(`^  workers +\S+ +\S+ +(\S+)`); n != float64(plan.instances) {
		t.Errorf("%.0f workers", n)
	}
	for _, what := range []string{
		"PSS per worker, MB", "PSS of the manager, MB", "PSS of Postgres, MB", "open descriptors", "connections to Postgres",
		"phone to webhook, p50, ms", "phone to webhook, p99, ms", "API to phone, p99, ms",
		"API to webhook of another, p99, ms",
	} {
		if figure(`^  `+what+` +\S+ +\S+ +(\S+)`) <= 0 {
			t.Errorf("%s: nothing in the last third", what)
		}
	}
}
