package supervisor_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const managerEnv = "WAM_TEST_MANAGER"

// managerPlan is what a manager in a process of its own is started with.
type managerPlan struct {
	Config supervisor.Config
	Store  string
	URL    string // of the Postgres that is used instead; ""
}

// sight is what such a manager says of one instance; it prints all of them, a
// line of JSON, whenever something changed.
type sight struct {
	ID         supervisor.ID
	State      supervisor.State
	PID        int
	Generation uint64
}

func playManager(plan string) {
	b, err := os.ReadFile(plan)
	check(err)
	var p managerPlan
	check(json.Unmarshal(b, &p))
	log := zerolog.New(zerolog.SyncWriter(os.Stderr)).Level(zerolog.DebugLevel).With().Timestamp().Int("manager", os.Getpid()).Logger()
	var st supervisor.Store = newFileStore(p.Store)
	if p.URL != "" {
		pg, err := store.Open(context.Background(), p.URL, store.WithMaxConns(4))
		check(err)
		st = pg.Supervision()
	}
	sup, err := supervisor.New(p.Config, st, log, prometheus.NewRegistry())
	check(err)
	all := sup.Subscribe("")
	go func() {
		<-sup.Recovered()
		out := json.NewEncoder(os.Stdout)
		for {
			var line []sight
			for _, st := range sup.Statuses() {
				line = append(line, sight{st.ID, st.State, st.Proc.PID, st.Generation})
			}
			if out.Encode(line) != nil {
				os.Exit(1)
			}
			<-all.C()
		}
	}()
	check(sup.Run(context.Background()))
	os.Exit(0)
}

// manager is a manager in a process of its own.
type manager struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines chan []sight // newest last; closed at the manager's end
	once  sync.Once
}

// startManager starts one, which dies with the test at the latest.
func (h *host) startManager() *manager {
	h.t.Helper()
	b, err := json.Marshal(managerPlan{h.cfg, h.store.dir, h.pgURL})
	if err != nil {
		h.t.Fatal(err)
	}
	plan := filepath.Join(h.store.dir, "plan")
	if err := os.WriteFile(plan, b, 0o600); err != nil {
		h.t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(h.store.dir, "manager.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	m := &manager{t: h.t, cmd: exec.Command(h.cfg.WorkerPath), lines: make(chan []sight, 1)}
	m.cmd.Env = append(os.Environ(), managerEnv+"="+plan)
	m.cmd.Stderr = log
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() {
		defer close(m.lines)
		in := bufio.NewScanner(out)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			var line []sight
			if json.Unmarshal(in.Bytes(), &line) != nil {
				continue
			}
			select {
			case <-m.lines: // only the newest counts
			default:
			}
			m.lines <- line
		}
	}()
	h.t.Cleanup(func() {
		m.kill()
		if b, err := os.ReadFile(log.Name()); err == nil && h.t.Failed() && h.shown.CompareAndSwap(false, true) {
			h.t.Logf("end of the managers' log:\n%s", b[max(0, len(b)-20_000):])
		}
	})
	return m
}

// kill is kill -9.
func (m *manager) kill() {
	m.once.Do(func() {
		_ = m.cmd.Process.Kill()
		for range m.lines { // the reader first, as Wait closes the pipe
		}
		_ = m.cmd.Wait()
	})
}

// settled waits until n instances run, and returns them.
func (m *manager) settled(n int) []sight {
	m.t.Helper()
	limit := time.After(20 * time.Second)
	var last []sight
	for {
		select {
		case line, ok := <-m.lines:
			if !ok {
				m.t.Fatalf("the manager ended by itself; it last saw %+v", last)
			}
			last = line
			up := 0
			for _, s := range line {
				if s.State == supervisor.Running && syscall.Kill(s.PID, 0) == nil {
					up++
				}
			}
			if up == n {
				return line
			}
		case <-limit:
			m.t.Fatalf("not settled: %s", fmt.Sprint(last))
		}
	}
}

func TestKilledManagerLosesNothing(t *testing.T) {
	h := newHost(t)
	const n = 5
	for k := range n {
		h.instance(k, supervisor.Run, script{})
	}
	first := h.startManager()
	before := first.settled(n)
	first.kill()
	second := h.startManager()
	after := second.settled(n)
	second.kill()
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("before the kill %v, after it %v", before, after)
	}
}
