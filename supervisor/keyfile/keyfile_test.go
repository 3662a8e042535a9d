package keyfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"whatsapp-manager/proto/seal"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFileIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret.key")
	if _, err := Open(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("open what is not there: %v", err)
	}
	var made, late int
	var mu sync.Mutex
	var racing sync.WaitGroup
	for range 8 {
		racing.Go(func() {
			_, err := Create(path)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				made++
			case errors.Is(err, fs.ErrExist):
				late++
			default:
				t.Error(err)
			}
		})
	}
	racing.Wait()
	if made != 1 || late != 7 {
		t.Errorf("%d made it, %d were late", made, late)
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestOthersMayNotReadIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret.key")
	_, err := Create(path)
	must(t, err)
	for mode, ok := range map[fs.FileMode]bool{0o400: true, 0o440: true, 0o640: true, 0o644: false, 0o660: false, 0o602: false} {
		must(t, os.Chmod(path, mode))
		if _, err := Open(path); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "0600") {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
}

func TestARunningManagerFollowsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret.key")
	daemon, err := Create(path)
	must(t, err)
	var bad []error
	daemon.OnBad(func(err error) { bad = append(bad, err) })
	first := daemon.Ring()
	if daemon.Ring() != first {
		t.Error("a file that did not change was read again")
	}
	operator, err := Open(path)
	must(t, err)
	next, err := operator.Ring().Rotated()
	must(t, err)
	must(t, operator.Replace(next))
	if got := daemon.Ring(); got.ID() != next.ID() || !got.Has(first.ID()) {
		t.Error("the new key was not found")
	}

	for name, spoil := range map[string]func(){
		"another installation's": func() { must(t, os.WriteFile(path, seal.NewRing().Text(), 0o600)) },
		"half a file":            func() { must(t, os.WriteFile(path, next.Text()[:80], 0o600)) },
		"gone":                   func() { must(t, os.Remove(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			bad = nil
			must(t, os.WriteFile(path, next.Text(), 0o600))
			daemon.Ring()
			spoil()
			for range 3 {
				if daemon.Ring().ID() != next.ID() {
					t.Error("the keys are others now")
				}
			}
			if want := map[bool]int{true: 0, false: 1}[name == "gone"]; len(bad) != want {
				t.Errorf("told %v", bad)
			}
		})
	}
	must(t, os.WriteFile(path, next.Text(), 0o600))
	if daemon.Ring().ID() != next.ID() {
		t.Error("the right file is not read again")
	}
}
