package rollout

import (
	"context"
	"testing"

	"github.com/rs/zerolog"
)

// standing are instances that stay as they are.
type standing struct {
	workers []Worker
	ending  bool
}

func (s standing) Workers() ([]Worker, bool) { return s.workers, s.ending }

func (s standing) Worker(instance string) (Worker, bool) {
	for _, w := range s.workers {
		if w.Instance == instance {
			return w, true
		}
	}
	return Worker{}, false
}

func (standing) Replace(context.Context, string, Replacement) error { return nil }

func (standing) Watch(string) (<-chan struct{}, func()) { return nil, func() {} }

func TestTheWorkerToReplaceNext(t *testing.T) {
	worker := func(id string, change func(*Worker)) Worker {
		w := Worker{Instance: id, Wanted: true, Alive: true, Running: true, Online: true, Program: "old", FeedHead: 5}
		if change != nil {
			change(&w)
		}
		return w
	}
	offline := func(w *Worker) { w.Online = false }
	for name, tc := range map[string]struct {
		workers []Worker
		anyone  bool
		next    string // empty: none
		left    int
	}{
		"nobody":               {nil, false, "", 0},
		"all of the new build": {[]Worker{worker("a", func(w *Worker) { w.Program = "new" })}, false, "", 0},
		"not wanted":           {[]Worker{worker("a", func(w *Worker) { w.Wanted = false })}, false, "", 0},
		"without a process":    {[]Worker{worker("a", func(w *Worker) { w.Alive = false })}, false, "", 0},
		"the one with the least traffic": {[]Worker{
			worker("a", nil), worker("b", func(w *Worker) { w.FeedHead = 1 }), worker("c", nil),
		}, false, "b", 3},
		"of two alike the first":               {[]Worker{worker("b", nil), worker("a", nil)}, false, "a", 2},
		"one that is connected, before less":   {[]Worker{worker("a", offline), worker("b", nil)}, true, "b", 2},
		"none that is not connected":           {[]Worker{worker("a", offline)}, false, "", 1},
		"one that is not, when anyone will do": {[]Worker{worker("a", offline)}, true, "a", 1},
		"never one in a ceremony":              {[]Worker{worker("a", func(w *Worker) { w.Online, w.Ceremony = false, true })}, true, "", 1},
		"never one that does not run":          {[]Worker{worker("a", func(w *Worker) { w.Running, w.Online = false, false })}, true, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := New(Config{}, standing{workers: tc.workers}, nil, zerolog.Nop())
			r.programs.newest = "new"
			next, left, _ := r.nextOutdated(tc.anyone)
			if got := (next != nil); got != (tc.next != "") || got && next.Instance != tc.next || left != tc.left {
				t.Errorf("got %+v and %d left, want %q and %d", next, left, tc.next, tc.left)
			}
		})
	}
}

func TestTheBuildOfTheNextStart(t *testing.T) {
	for name, tc := range map[string]struct {
		given, trusted, newest, refused, want Program
	}{
		"none is kept":                 {"", "", "", "", ""},
		"none is kept, one was given":  {"new", "", "", "", ""},
		"the trusted one":              {"", "old", "new", "", "old"},
		"the one it was given":         {"new", "old", "new", "", "new"},
		"not the one that was refused": {"new", "old", "new", "new", "old"},
	} {
		t.Run(name, func(t *testing.T) {
			r := New(Config{}, standing{}, nil, zerolog.Nop())
			r.programs.newest, r.programs.book.Trusted = tc.newest, tc.trusted
			if tc.refused != "" {
				r.programs.book.Refused = &refusal{Program: tc.refused}
			}
			r.programs.give("a", tc.given)
			if got := r.Program("a"); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			r.Forget("a")
			if got := r.Program("a"); got != tc.trusted {
				t.Errorf("after it was forgotten: got %q, want %q", got, tc.trusted)
			}
		})
	}
}
