package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestAttack is a short run of everything.
func TestAttack(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	rows, err := run(ctx, options{short: true, say: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			tried := 0
			for _, r := range rows {
				if r.attack != a.name {
					continue
				}
				tried++
				if !r.held {
					t.Errorf("%s: got through: %s; has to happen: %s", r.tried, r.seen, r.want)
				}
			}
			if tried == 0 {
				t.Error("nothing was tried")
			}
		})
	}
}

// TestTheTableTellsWhatGotThrough: a run in which something got through fails.
func TestTheTableTellsWhatGotThrough(t *testing.T) {
	var out strings.Builder
	if n := printTable(&out, []row{{attack: "a", tried: "x", held: true}, {attack: "b", tried: "y"}}); n != 1 {
		t.Errorf("%d got through, want 1", n)
	}
	if text := out.String(); !strings.Contains(text, "GOT THROUGH") || !strings.Contains(text, "2 tried, 1 got through") {
		t.Errorf("table:\n%s", text)
	}
}
