package standing_test

import (
	"encoding/json"
	"testing"
	"time"

	"whatsapp-manager/proto/standing"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return noon.Add(d) }

func TestWhatANoticeMakesOfANumber(t *testing.T) {
	lock := func(at, until time.Duration) standing.Notice {
		return standing.Notice{Kind: standing.LockStated, Active: true, Type: "BIZ", At: after(at), Until: after(until)}
	}
	refused := func(at time.Duration) standing.Notice {
		return standing.Notice{Kind: standing.LockRefused, At: after(at)}
	}
	ban := func(at, until time.Duration) standing.Notice {
		return standing.Notice{Kind: standing.Banned, Type: "spam", At: after(at), Until: after(until)}
	}
	limit := func(at time.Duration) standing.Notice {
		return standing.Notice{Kind: standing.Overlimit, At: after(at)}
	}
	for _, tc := range []struct {
		name    string
		notices []standing.Notice
		status  standing.Status
		news    bool          // of the last one
		end     time.Duration // 0: nothing is in force
	}{
		{"nothing was said", []standing.Notice{{Kind: standing.LoggedIn, At: noon}}, standing.StatusGood, false, 0},
		{"locked until a stated end", []standing.Notice{lock(0, 5*time.Hour)}, standing.StatusRestricted, true, 5 * time.Hour},
		{"locked without an end", []standing.Notice{{Kind: standing.LockStated, Active: true, At: noon}}, standing.StatusRestricted, true, time.Hour},
		{"said again", []standing.Notice{lock(0, 5*time.Hour), lock(0, 5*time.Hour)}, standing.StatusRestricted, false, 5 * time.Hour},
		{"said later, the same", []standing.Notice{lock(0, 5*time.Hour), lock(time.Hour, 5*time.Hour)}, standing.StatusRestricted, false, 5 * time.Hour},
		{"made longer", []standing.Notice{lock(0, 5*time.Hour), lock(time.Hour, 9*time.Hour)}, standing.StatusRestricted, true, 9 * time.Hour},
		{"an old word after a newer one", []standing.Notice{lock(time.Hour, 9*time.Hour), lock(0, 5*time.Hour)}, standing.StatusRestricted, false, 9 * time.Hour},
		{"lifted", []standing.Notice{lock(0, 5*time.Hour), {Kind: standing.LockStated, At: after(time.Hour)}}, standing.StatusGood, true, 0},
		{"an end that is past", []standing.Notice{lock(time.Hour, 0)}, standing.StatusGood, false, 0},
		{"run out, then something else", []standing.Notice{lock(0, time.Hour), {Kind: standing.LoggedIn, At: after(2 * time.Hour)}}, standing.StatusGood, true, 0},
		{"only a refused message", []standing.Notice{refused(0)}, standing.StatusRestricted, true, time.Hour},
		{"a second refused message", []standing.Notice{refused(0), refused(30 * time.Minute)}, standing.StatusRestricted, false, 90 * time.Minute},
		{"refused under a stated lock", []standing.Notice{lock(0, 5*time.Hour), refused(time.Hour)}, standing.StatusRestricted, false, 5 * time.Hour},
		{"stated after a refusal", []standing.Notice{refused(0), lock(time.Second, 30*time.Minute)}, standing.StatusRestricted, true, 30 * time.Minute},
		{"too many", []standing.Notice{limit(0)}, standing.StatusLimited, true, time.Minute},
		{"too many again", []standing.Notice{limit(0), limit(30 * time.Second)}, standing.StatusLimited, false, 90 * time.Second},
		{"too many, an hour later", []standing.Notice{limit(0), limit(time.Hour)}, standing.StatusLimited, true, 61 * time.Minute},
		{"banned", []standing.Notice{ban(0, time.Hour)}, standing.StatusBanned, true, time.Hour},
		{"banned, the next login", []standing.Notice{ban(0, time.Hour), ban(10*time.Minute, time.Hour+time.Second)}, standing.StatusBanned, false, time.Hour + time.Second},
		{"let in again", []standing.Notice{ban(0, time.Hour), {Kind: standing.LoggedIn, At: after(time.Minute)}}, standing.StatusGood, true, 0},
		{"banned and locked", []standing.Notice{lock(0, time.Minute), ban(1, time.Hour)}, standing.StatusBanned, true, time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d standing.Document
			var news bool
			for _, n := range tc.notices {
				d, news = d.After(n)
			}
			end := d.NextEnd()
			if d.Status != tc.status || news != tc.news || (end == nil) != (tc.end == 0) || end != nil && !end.Equal(after(tc.end)) {
				t.Errorf("got %s, news %v, end %v", d.Status, news, end)
			}
		})
	}
}

func TestCountsAreOfEveryNotice(t *testing.T) {
	var d standing.Document
	for i := range 3 {
		at := after(time.Duration(i) * time.Second)
		d, _ = d.After(standing.Notice{Kind: standing.LockRefused, At: at})
		d, _ = d.After(standing.Notice{Kind: standing.Overlimit, At: at})
		d, _ = d.After(standing.Notice{Kind: standing.Banned, At: at})
	}
	if d.Lock.RefusedSends != 3 || d.Limit.Count != 3 || d.Ban.Count != 1 {
		t.Errorf("got %+v", d)
	}
	if last := d.LastWarning(); last == nil || !last.Equal(after(2*time.Second)) {
		t.Errorf("last warning %v", last)
	}
}

func TestWhatIsKeptIsReadAgain(t *testing.T) {
	d, _ := standing.Document{}.After(standing.Notice{Kind: standing.LockStated, Active: true, At: noon, Until: after(time.Hour)})
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var read standing.Document
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	at, ended := read.At(after(59 * time.Minute))
	if ended || at.Status != standing.StatusRestricted {
		t.Errorf("before the end: %+v", at)
	}
	at, ended = read.At(after(time.Hour))
	if !ended || at.Status != standing.StatusGood || at.NextEnd() != nil || !at.ChangedAt.Equal(after(time.Hour)) {
		t.Errorf("at the end: %+v", at)
	}
}
