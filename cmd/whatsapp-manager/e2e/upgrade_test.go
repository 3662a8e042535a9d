package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/lab"
	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// The two builds that upgrades go between.
const v1, v2 = "e2e-build-1", "e2e-build-2"

// versions builds the programs in two versions, once for all tests that need them.
var versions = sync.OnceValues(func() (dirs map[string]string, err error) {
	programs := []lab.Program{{Package: lab.Manager}, {Package: lab.Worker}}
	dirs = map[string]string{v1: filepath.Join(bin, v1), v2: filepath.Join(bin, v2)}
	for _, dir := range dirs {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, err
		}
	}
	err = lab.Build(context.Background(), dirs[v1], []string{"-ldflags", "-s -w -X main.Build=" + v1}, programs...)
	if err != nil {
		return nil, err
	}
	return dirs, lab.Restamp(dirs[v1], dirs[v2], v1, v2, programs...)
})

// install puts programs where a stack starts them from, one by one and each by
// rename, as an operator must.
func install(t *testing.T, to, version string) {
	t.Helper()
	dirs, err := versions()
	must(t, err)
	for _, name := range []string{"whatsapp-worker", "whatsapp-manager"} {
		must(t, os.Link(filepath.Join(dirs[version], name), filepath.Join(to, name+".new")))
		must(t, os.Rename(filepath.Join(to, name+".new"), filepath.Join(to, name)))
	}
}

// upgradable is a stack of version v1 whose programs can be replaced.
func upgradable(t *testing.T) (s *stack.Stack, installed string) {
	t.Helper()
	installed, err := os.MkdirTemp(bin, "installed") // beside the builds: links do not cross file systems
	must(t, err)
	must(t, os.Chmod(installed, 0o755))
	install(t, installed, v1)
	s, err = stack.Start(deadline(t, time.Minute), stack.Options{Bin: installed, Endpoint: sim.Endpoint()})
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Tail())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, installed
}

type detailed struct {
	Status  string
	Build   string
	Upgrade string
	Workers struct {
		State, InstanceID, Why string
		Replaced, Outdated     int
	} `json:"workerUpgrade"`
}

func health(ctx context.Context, s *stack.Stack) (h detailed, err error) {
	return h, s.Client.Want(ctx, http.StatusOK, http.MethodGet, "/api/health/detailed", nil, &h)
}

// upgradeIs waits until the manager of that build says so.
func upgradeIs(t *testing.T, s *stack.Stack, build, state string, replaced int) detailed {
	t.Helper()
	var h detailed
	eventually(t, 2*time.Minute, "the upgrade is "+state, func() bool {
		var err error
		h, err = health(t.Context(), s)
		return err == nil && h.Build == build && h.Workers.State == state && h.Workers.Replaced == replaced
	})
	return h
}

// sendSurely sends one text under a key and repeats until it is told that it was sent.
func sendSurely(ctx context.Context, s *stack.Stack, l *linked, key, to, text string) error {
	body, err := json.Marshal(map[string]any{"params": []any{to, text}})
	if err != nil {
		return err
	}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost,
			s.Client.Base+"/api/proxy/"+l.key+"/sendMessage", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", key)
		status := 0
		if resp, err := s.Client.HTTP.Do(req); err == nil {
			status = resp.StatusCode
			resp.Body.Close()
		}
		if status == http.StatusOK {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond): // a client's patience between two tries
		case <-ctx.Done():
			return fmt.Errorf("%s: last status %d: %w", text, status, ctx.Err())
		}
	}
}

// knocking opens a connection of its own for every request until stop is called,
// which returns how often it was refused.
func knocking(s *stack.Stack) (stop func() (refused, tries int)) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var refused, tries int
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			resp, err := client.Get(s.Client.Base + "/api/health/live")
			if err == nil {
				resp.Body.Close()
			}
			tries++
			if errors.Is(err, syscall.ECONNREFUSED) {
				refused++
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	return func() (int, int) { cancel(); <-done; return refused, tries }
}

func TestARollingUpgradeLosesNothing(t *testing.T) {
	t.Parallel()
	s, installed := upgradable(t)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	bob := link(t, s, person(t, "Bob", wasim.AccountOptions{}))
	carol := link(t, s, person(t, "Carol", wasim.AccountOptions{}))
	all := []*linked{alice, bob, carol}
	ann, ben, cho := person(t, "Ann", wasim.AccountOptions{}), person(t, "Ben", wasim.AccountOptions{}),
		person(t, "Cho", wasim.AccountOptions{})
	hook := receiver(t)
	alice.hook(t, hook, "message")
	manager := s.ManagerPID()
	for _, l := range all {
		if in, err := s.Client.Instance(t.Context(), l.id); err != nil || in.Build != v1 || in.Outdated {
			t.Fatalf("before: %+v %v", in, err)
		}
	}

	var mu sync.Mutex
	got := map[string]int{}
	defer ben.Phone().Subscribe(func(r phone.Received) {
		mu.Lock()
		defer mu.Unlock()
		got[r.Text]++
	})()
	const n, out = 150, 60
	refused := knocking(s)
	var traffic sync.WaitGroup
	upgraded := make(chan struct{})
	traffic.Go(func() {
		burst(t, alice, n, 60*time.Millisecond, func(sent int) {
			if sent == n/3 {
				close(upgraded)
			}
		}, ann, cho)
	})
	traffic.Go(func() { burst(t, bob, n, 60*time.Millisecond, nil, ann) })
	traffic.Go(func() {
		ctx := deadline(t, 2*time.Minute)
		for i := range out {
			if err := sendSurely(ctx, s, alice, fmt.Sprint("upgrade-", i), wid(ben), fmt.Sprint("out ", i)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	<-upgraded
	install(t, installed, v2)
	s.Signal(syscall.SIGHUP)
	h := upgradeIs(t, s, v2, "none", len(all))
	if h.Workers.Outdated != 0 || h.Upgrade != "none" {
		t.Errorf("after the upgrade: %+v", h)
	}
	traffic.Wait()
	if no, tries := refused(); no > 0 {
		t.Errorf("%d of %d connections were refused", no, tries)
	}
	if s.ManagerPID() != manager {
		t.Errorf("the manager's process was %d, is %d", manager, s.ManagerPID())
	}
	oneEach(t, s, all...)
	for _, l := range all {
		in, err := s.Client.Ready(deadline(t, 30*time.Second), l.id)
		must(t, err)
		if in.Build != v2 || in.Outdated || in.Generation != 2 || in.RestartCount != 0 {
			t.Errorf("after: %+v", in)
		}
	}
	complete(t, alice, n, ann, cho)
	complete(t, bob, n, ann)
	delivered(t, hook, n, ann, cho)
	eventually(t, 30*time.Second, "everything sent reached Ben", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) == out
	})
	mu.Lock()
	defer mu.Unlock()
	for text, times := range got {
		if times != 1 {
			t.Errorf("Ben got %q %d times", text, times)
		}
	}
}

func TestABrokenBuildStopsAtTheCanary(t *testing.T) {
	t.Parallel()
	s, installed := upgradable(t)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	bob := link(t, s, person(t, "Bob", wasim.AccountOptions{}))
	carol := link(t, s, person(t, "Carol", wasim.AccountOptions{}))
	all := map[string]*linked{alice.id: alice, bob.id: bob, carol.id: carol}
	ann := person(t, "Ann", wasim.AccountOptions{})
	before := oneEach(t, s, alice, bob, carol)

	// A manager that does not run is found before anything is given up for it.
	put := func(name, text string) {
		t.Helper()
		must(t, os.WriteFile(filepath.Join(installed, name+".new"), []byte(text), 0o755))
		must(t, os.Rename(filepath.Join(installed, name+".new"), filepath.Join(installed, name)))
	}
	put("whatsapp-manager", "#!/bin/sh\nexit 1\n")
	s.Signal(syscall.SIGHUP)
	eventually(t, 20*time.Second, "the manager says that it goes on", func() bool {
		logs, err := s.Logs()
		must(t, err)
		return bytes.Contains(logs["manager.log"], []byte("the installed program does not run; this one goes on"))
	})
	if h, err := health(t.Context(), s); err != nil || h.Build != v1 {
		t.Errorf("with a broken manager installed: %+v %v", h, err)
	}

	install(t, installed, v2)
	put("whatsapp-worker", "#!/bin/sh\necho a library is missing >&2\nexit 4\n")
	s.Signal(syscall.SIGHUP)
	h := upgradeIs(t, s, v2, "refused", 0)
	canary := all[h.Workers.InstanceID]
	if canary == nil || !strings.Contains(h.Workers.Why, "exit code 4") || h.Workers.Outdated != 3 ||
		h.Status != "degraded" || h.Upgrade != "refused" {
		t.Fatalf("refused: %+v", h)
	}
	in, err := s.Client.Ready(deadline(t, 30*time.Second), canary.id)
	must(t, err)
	if in.Build != v1 || !in.Outdated || !strings.Contains(in.LastError, "exit code 4") || in.PID == before[canary.id] {
		t.Errorf("the canary: %+v", in)
	}
	if !strings.Contains(history(t, canary), "back to the build before") {
		t.Error("the canary's history does not tell of the step back")
	}
	after := oneEach(t, s, alice, bob, carol)
	before[canary.id] = in.PID
	if !maps.Equal(before, after) {
		t.Errorf("workers were %v, are %v: only the canary may have been touched", before, after)
	}
	metrics, err := s.Client.Do(t.Context(), http.MethodGet, "/metrics", nil)
	must(t, err)
	for _, line := range []string{
		`wam_worker_upgrade{state="refused"} 1`, "wam_workers_outdated 3",
		"wam_worker_builds_refused_total 1",
	} {
		if !bytes.Contains(metrics.Body, []byte(line+"\n")) {
			t.Errorf("/metrics lacks %s (status %d)", line, metrics.Status)
		}
	}

	// The present is not worse than before: messages arrive, also after another restart of the manager.
	s.KillManager()
	must(t, s.StartManager())
	must(t, s.Ready(deadline(t, 30*time.Second)))
	for _, l := range all {
		say(t, ann, l.PN(), "still there")
		eventually(t, 20*time.Second, "the text arrived",
			func() bool { return count(l.events(t), "message", "still there") == 1 })
	}
	upgradeIs(t, s, v2, "refused", 0)
	if again := oneEach(t, s, alice, bob, carol); !maps.Equal(after, again) {
		t.Errorf("workers were %v, are %v: a refused build is not tried again by itself", after, again)
	}

	// The worker that was missing is installed: a restart of the manager is all it takes.
	install(t, installed, v2)
	s.Signal(syscall.SIGHUP)
	upgradeIs(t, s, v2, "none", 3)
}
