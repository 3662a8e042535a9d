package supervisor_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/rollout"
)

// ownMark separates the program from a script of its own at its end: what makes
// two builds of a scripted worker differ.
var ownMark = []byte("\n--script of this build--\n")

// ownScript is the script at the end of the running program, or nil.
func ownScript() []byte {
	f, err := os.Open("/proc/self/exe")
	check(err)
	defer f.Close()
	info, err := f.Stat()
	check(err)
	tail := make([]byte, 4096)
	n, _ := f.ReadAt(tail, info.Size()-int64(len(tail)))
	if at := bytes.LastIndex(tail[:n], ownMark); at >= 0 {
		return tail[at+len(ownMark) : n]
	}
	return nil
}

// install puts a build of the scripted worker where the manager finds it, by rename.
func (h *host) install(s script) {
	h.t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		h.t.Fatal(err)
	}
	own, err := json.Marshal(s)
	if err != nil {
		h.t.Fatal(err)
	}
	h.installFile(append(append(self, ownMark...), own...))
}

func (h *host) installFile(program []byte) {
	h.t.Helper()
	h.cfg.WorkerPath = filepath.Join(h.store.dir, "installed")
	if err := os.WriteFile(h.cfg.WorkerPath+".new", program, 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(h.cfg.WorkerPath+".new", h.cfg.WorkerPath); err != nil {
		h.t.Fatal(err)
	}
}

// upgradable is a host whose manager keeps builds; the first one is installed.
func upgradable(t *testing.T, n int) (*host, []supervisor.ID) {
	t.Helper()
	h := newHost(t)
	h.cfg.ProgramDir = filepath.Join(h.store.dir, "programs")
	h.cfg.CanaryWatch = 50 * time.Millisecond
	var ids []supervisor.ID
	for k := range n {
		// The last one has the least traffic, so it is the canary.
		ids = append(ids, h.instance(k, supervisor.Run, script{FeedHead: uint64(n - k)}))
	}
	h.install(script{Build: "one"})
	h.manage()
	for _, id := range ids {
		if st := h.running(id); st.Build != "one" || st.Outdated {
			t.Fatalf("at first: %+v", st)
		}
	}
	h.end()
	return h, ids
}

// upgradeIs waits for a state of the upgrade.
func (h *host) upgradeIs(want rollout.State) rollout.Progress {
	h.t.Helper()
	all := h.sup.Subscribe("")
	defer all.Close()
	tick := time.NewTicker(20 * time.Millisecond) // the state itself wakes nobody
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for {
		u := h.sup.Rollout()
		if u.State == want {
			return u
		}
		select {
		case <-all.C():
		case <-tick.C:
		case <-limit:
			h.t.Fatalf("the upgrade did not become %s, it is %+v", want, u)
		}
	}
}

// replaced waits until all workers are of the installed build.
func (h *host) replaced(n int) {
	h.t.Helper()
	eventually(h.t, "all workers are replaced", func() bool {
		u := h.sup.Rollout()
		return u.Replaced == n && u.State == rollout.None && u.Outdated == 0 && u.Program == u.Trusted
	})
}

func (h *host) pids(ids []supervisor.ID) map[supervisor.ID]int {
	h.t.Helper()
	pids := make(map[supervisor.ID]int)
	for _, id := range ids {
		pids[id] = h.running(id).Proc.PID
	}
	return pids
}

func TestWorkersOfAnOlderBuildAreReplaced(t *testing.T) {
	h, ids := upgradable(t, 4)
	h.install(script{Build: "two"})
	h.manage()
	h.replaced(len(ids))
	for _, id := range ids {
		st := h.running(id)
		if st.Build != "two" || st.Outdated || st.Generation != 2 || st.RestartCount != 0 {
			t.Errorf("after the upgrade: %+v", st)
		}
	}
	pids := h.pids(ids)
	h.end()

	// The same build installed once more, and a manager that starts again: nothing to do.
	h.install(script{Build: "two"})
	h.manage()
	if u := h.upgradeIs(rollout.None); u.Replaced != 0 {
		t.Errorf("the same build: %+v", u)
	}
	if after := h.pids(ids); !maps.Equal(pids, after) {
		t.Errorf("workers were %v, are %v", pids, after)
	}
	kept, err := filepath.Glob(filepath.Join(h.cfg.ProgramDir, "*", "installed"))
	if err != nil || len(kept) != 1 {
		t.Errorf("kept builds: %v %v, want the present one", kept, err)
	}
	h.end()
}

func TestABuildThatDoesNotComeBackIsRefused(t *testing.T) {
	for name, broken := range map[string]struct {
		program []byte
		script  script
		why     string
	}{
		"exits at once":      {program: []byte("#!/bin/sh\necho no such library >&2\nexit 3\n"), why: "exit code 3"},
		"cannot be run":      {program: []byte("not a program"), why: "exec format error"},
		"never comes online": {script: script{Build: "two", Link: workerv1.LinkState_LINK_STATE_OFFLINE}, why: "link was offline"},
		"hangs":              {script: script{Build: "two", BeforeLine: 60_000}, why: "starting"},
	} {
		t.Run(name, func(t *testing.T) {
			h, ids := upgradable(t, 3)
			h.cfg.ReturnTimeout = 3 * time.Second
			h.manage()
			before := h.pids(ids)
			h.end()
			if broken.program != nil {
				h.installFile(broken.program)
			} else {
				h.install(broken.script)
			}
			h.manage()
			u := h.upgradeIs(rollout.Refused)
			canary := ids[len(ids)-1]
			if u.Instance != string(canary) || !strings.Contains(u.Why, broken.why) || u.Outdated != len(ids) || u.Replaced != 0 {
				t.Errorf("refused: %+v, want because of %s at %s", u, broken.why, canary)
			}
			st := h.running(canary)
			if st.Build != "one" || st.Link.GetState() != workerv1.LinkState_LINK_STATE_ONLINE || !strings.Contains(st.LastError, "given up") {
				t.Errorf("the canary: %+v", st)
			}
			before[canary] = st.Proc.PID
			if after := h.pids(ids); !maps.Equal(before, after) {
				t.Errorf("the others were %v, are %v", before, after)
			}
			h.end()

			// The next manager does not try the same build again, and a crash leads to the trusted one.
			h.manage()
			h.upgradeIs(rollout.Refused)
			if after := h.pids(ids); !maps.Equal(before, after) {
				t.Errorf("after the refusal, workers were %v, are %v", before, after)
			}
			kill(t, before[ids[0]], syscall.SIGKILL)
			again := h.await(ids[0], "restarted", func(s supervisor.Status) bool {
				return s.State == supervisor.Running && s.Proc.PID != before[ids[0]]
			})
			if again.Build != "one" {
				t.Errorf("after a crash: %+v", again)
			}
			h.end()

			// A build that works is another attempt.
			h.install(script{Build: "three"})
			h.manage()
			h.replaced(len(ids))
			h.end()
		})
	}
}

// A worker that fails later than the canary is stepped back alone. The roll stops
// there: those in front of it keep the new build as long as they run, those
// behind it are not touched, and every start is one of the build before.
func TestALaterWorkerThatFailsStopsTheRoll(t *testing.T) {
	h, ids := upgradable(t, 4)
	untouched, failing, second, canary := ids[0], ids[1], ids[2], ids[3]
	if err := (script{FeedHead: 3, FailsAs: "two"}).write(filepath.Join(h.cfg.RunDir, string(failing))); err != nil {
		t.Fatal(err)
	}
	h.install(script{Build: "two"})
	h.manage()
	u := h.upgradeIs(rollout.Refused)
	if u.Instance != string(failing) || !strings.Contains(u.Why, "exit code 4") || u.Replaced != 2 || u.Outdated != 2 || u.Program == u.Trusted {
		t.Errorf("refused: %+v, want because of %s", u, failing)
	}
	for _, want := range []struct {
		id         supervisor.ID
		build      string
		generation uint64
	}{{untouched, "one", 1}, {second, "two", 2}, {canary, "two", 2}} {
		st := h.running(want.id)
		if st.Build != want.build || st.Generation != want.generation || st.RestartCount != 0 || st.Outdated != (want.build == "one") || st.LastError != "" {
			t.Errorf("%s: %+v, want build %s in its generation %d", want.id, st, want.build, want.generation)
		}
	}
	if st := h.running(failing); st.Build != "one" || !st.Outdated || !strings.Contains(st.LastError, "given up") {
		t.Errorf("the one that failed: %+v", st)
	}
	crash := func(id supervisor.ID) {
		t.Helper()
		pid := h.running(id).Proc.PID
		kill(t, pid, syscall.SIGKILL)
		st := h.await(id, "restarted", func(s supervisor.Status) bool { return s.State == supervisor.Running && s.Proc.PID != pid })
		if st.Build != "one" {
			t.Errorf("started again after the refusal: %+v", st)
		}
	}
	crash(canary)
	before := h.pids(ids)
	h.end()

	// The next manager leaves it at that.
	h.manage()
	if u := h.upgradeIs(rollout.Refused); u.Instance != string(failing) || u.Outdated != 3 {
		t.Errorf("with the next manager: %+v", u)
	}
	if after := h.pids(ids); !maps.Equal(before, after) {
		t.Errorf("workers were %v, are %v", before, after)
	}
	if st := h.running(second); st.Build != "two" {
		t.Errorf("the one that runs well: %+v", st)
	}
	crash(second)
	h.end()

	h.install(script{Build: "three"})
	h.manage()
	h.replaced(len(ids))
	h.end()
}

func TestAKilledManagerFinishesTheUpgradeNextTime(t *testing.T) {
	h, ids := upgradable(t, 3)
	h.cfg.ReturnTimeout = 3 * time.Second
	// Let go while the canary of a build that never comes online is on trial.
	h.install(script{Build: "two", Link: workerv1.LinkState_LINK_STATE_OFFLINE})
	h.manage()
	canary := ids[len(ids)-1]
	h.await(canary, "on trial", func(s supervisor.Status) bool { return s.State == supervisor.Running && s.Build == "two" })
	h.end()
	h.manage()
	if u := h.upgradeIs(rollout.Refused); u.Instance != string(canary) {
		t.Errorf("the trial of the manager before: %+v", u)
	}
	if st := h.running(canary); st.Build != "one" {
		t.Errorf("the canary: %+v", st)
	}
	// The operator asks for it once more.
	if err := h.sup.RetryRollout(); err != nil {
		t.Fatal(err)
	}
	h.await(canary, "on trial again", func(s supervisor.Status) bool { return s.State == supervisor.Running && s.Build == "two" })
	h.upgradeIs(rollout.Refused)
	h.end()
	// Back to what runs: there is nothing left to refuse or to replace.
	h.install(script{Build: "one"})
	h.manage()
	h.upgradeIs(rollout.None)
	if err := h.sup.RetryRollout(); !fault.Is(err, fault.Conflict) {
		t.Errorf("retry without a refusal: %v", err)
	}
	h.end()
}

// The way back exists also where the manager before kept no builds: the file
// behind the running process.
func TestTheFirstUpgradeStepsBackToTheRunningProgram(t *testing.T) {
	h, ids := upgradable(t, 2)
	if err := os.RemoveAll(h.cfg.ProgramDir); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := os.Remove(filepath.Join(h.cfg.RunDir, string(id)+".program")); err != nil {
			t.Fatal(err)
		}
	}
	h.installFile([]byte("#!/bin/sh\nexit 3\n"))
	h.manage()
	h.upgradeIs(rollout.Refused)
	for _, id := range ids {
		if st := h.running(id); st.Build != "one" {
			t.Errorf("%+v", st)
		}
	}
	h.end()
}

// Workers of a build that knew no roles in the database: they are replaced at
// once, all of them, and there is no way back to their build.
func TestBuildsOfAnEarlierContractAreLeftAtOnce(t *testing.T) {
	h, ids := upgradable(t, 3)
	book := filepath.Join(h.cfg.ProgramDir, "programs.json")
	b, err := os.ReadFile(book)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(book, bytes.Replace(b, []byte(`"contract":1`), []byte(`"contract":0`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids[1:] { // the first one's role is there for some reason
		if _, err := h.store.change(id, func(r *supervisor.Record) { r.Barred = true }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.store.change(ids[2], func(r *supervisor.Record) { r.Desired = supervisor.Stop }); err != nil {
		t.Fatal(err)
	}
	h.install(script{Build: "two"})
	h.manage()
	for _, id := range ids[:2] {
		h.await(id, "the new build", func(st supervisor.Status) bool { return st.State == supervisor.Running && st.Build == "two" })
	}
	h.await(ids[2], "its end", func(st supervisor.Status) bool { return st.State == supervisor.Stopped })
	h.upgradeIs(rollout.None)
	if u := h.sup.Rollout(); u.Program != u.Trusted || u.Outdated != 0 {
		t.Errorf("%+v", u)
	}
	h.end()
}

// Where no builds can be kept workers run from the installed program, and that is said.
func TestWithoutAPlaceForBuilds(t *testing.T) {
	h := newHost(t)
	h.cfg.ProgramDir = filepath.Join(h.store.dir, "programs")
	if err := os.WriteFile(h.cfg.ProgramDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	one := h.instance(1, supervisor.Run, script{})
	h.install(script{Build: "one"})
	h.manage()
	if st := h.running(one); st.Build != "one" || st.Outdated {
		t.Errorf("%+v", st)
	}
	if u := h.sup.Rollout(); u.State != rollout.Off || !strings.Contains(u.Why, "directory of programs") || u.Outdated != 0 {
		t.Errorf("%+v", u)
	}
	h.end()
}
