package takeover_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"

	"whatsapp-manager/proto/egress"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker"
	"whatsapp-manager/worker/keystore"
)

// asChild makes the program a child of a worker that was taken over: it asks on
// the socket that the variable names.
const asChild = "WAM_TEST_CHILD"

// The test binary is also the worker's program, and what that executes.
func TestMain(m *testing.M) {
	switch socket := os.Getenv(asChild); {
	case os.Getenv(workerv1.CookieKey) == workerv1.CookieValue:
		os.Exit(worker.Main(context.Background(), os.Args[1:], os.Stdin, worker.Options{Build: "test", Hook: attack}))
	case socket == "nothing":
		os.Exit(0)
	case socket != "":
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if _, err := egress.NewDialer(socket).DialContext(ctx, "tcp",
			"192.0.2.1:80"); strings.HasPrefix(fmt.Sprint(err), egress.ErrAway.Error()) {
			os.Exit(13) // no answer at all
		}
		os.Exit(0)
	}
	storetest.Main(m, keystore.Create)
}

const (
	victimID   supervisor.ID = "victim000001"
	attackerID supervisor.ID = "attacker0001"
	absentID   supervisor.ID = "absent000001"
)

func TestATakenOverWorkerGetsAtNothing(t *testing.T) {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil || abi < 6 {
		t.Skipf("this kernel's Landlock does not hold all of it: version %d, %v", abi, err)
	}
	h := newHost(t)
	victimDir := h.instance(victimID)
	h.manage()
	victim := h.running(victimID)
	if err := os.WriteFile(filepath.Join(victimDir, "secret"), []byte("of the victim"), 0o600); err != nil {
		t.Fatal(err)
	}
	if u := h.cfg.WorkerUser; u != nil { // as the victim's own files are
		if err := os.Chown(filepath.Join(victimDir, "secret"), u.UID, u.GID); err != nil {
			t.Fatal(err)
		}
	}
	open := filepath.Join(h.root, "open") // modes do not stand in the way of this one
	if err := os.WriteFile(open, []byte("of the manager"), 0o644); err != nil {
		t.Fatal(err)
	}
	attach, err := os.ReadFile(filepath.Join(victimDir, workerv1.AttachFile))
	if err != nil {
		t.Fatal(err)
	}
	tgt := targets{
		Manager: os.Getpid(), Victim: victim.Proc.PID, VictimDir: victimDir,
		VictimSocket: strings.Split(strings.Split(string(attach), "\n")[1], "|")[3],
		VictimGuard:  workerv1.GuardName(h.cfg.Node, string(victimID)),
		NextGuard:    workerv1.GuardName(h.cfg.Node, string(absentID)),
		Abstract:     listen(t, "unix", "@wam-takeover-"+h.cfg.Node), API: listen(t, "tcp", "127.0.0.1:0"),
		ManagerLock: filepath.Join(h.cfg.RunDir, workerv1.ManagerLock), RunDir: h.cfg.RunDir,
		Files: append(database(t, h.dsn), open, h.cfg.RunDir, h.cfg.LogDir,
			filepath.Join(h.cfg.LogDir, string(victimID)+".log"), filepath.Join(h.cfg.RunDir, workerv1.ManagerLock)),
	}
	u, err := url.Parse(h.cfg.WhatsAppEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	tgt.Stand = u.Host
	for _, path := range []string{
		"/etc/shadow", "/etc/passwd", "/etc/group", "/etc/hostname", "/etc/ssh", "/etc/ssl/private", "/etc", "/root",
		"/home", "/var/lib", "/var/log", "/tmp", "/run",
		"/dev/shm", "/boot", "/usr/share", "/sys/kernel", "/proc", "/proc/1/environ", "/proc/self/environ",
		"/proc/net/unix", "/proc/sys/kernel/hostname",
	} {
		if _, err := os.Stat(path); err == nil {
			tgt.Files = append(tgt.Files, path)
		}
	}
	raw, err := json.Marshal(tgt)
	if err != nil {
		t.Fatal(err)
	}
	dir := h.instance(attackerID)
	if err := os.WriteFile(filepath.Join(dir, targetsFile), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.sup.Want(t.Context(), attackerID, supervisor.Run); err != nil {
		t.Fatal(err)
	}
	attacker := h.running(attackerID)
	got := awaitReport(t, dir)

	t.Run("what the instance says", func(t *testing.T) {
		want := fmt.Sprintf("landlock:%d net seccomp", abi)
		if os.Getuid() == 0 {
			want += " uid"
		}
		if attacker.Confinement != want {
			t.Errorf("confinement %q, want %q", attacker.Confinement, want)
		}
		if got.UID == 0 {
			t.Error("the worker is root")
		}
		for file, want := range map[string]string{
			"status": "\nNoNewPrivs:\t1\nSeccomp:\t2\n", "oom_score_adj": "300\n",
			"limits": fmt.Sprintf("\nMax data size             %-20d %[1]d", 768<<20),
		} {
			if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", attacker.Proc.PID, file)); err != nil ||
				!strings.Contains(string(b), want) {
				t.Errorf("%s lacks %q, %v:\n%s", file, want, err, b)
			}
		}
	})
	for name, number := range got.Attempts {
		t.Run(name, func(t *testing.T) {
			for _, want := range expected(name) {
				if number == int(want) {
					return
				}
			}
			t.Errorf("ended with %d (%s), want %d", number, got.Texts[name], expected(name))
		})
	}
	t.Run("the others are well", func(t *testing.T) {
		if st := h.running(victimID); st.Proc != victim.Proc {
			t.Errorf("the victim is another process now: %+v", st)
		}
		if entries, err := os.ReadDir(victimDir); err != nil || !strings.Contains(fmt.Sprint(entries), "secret") ||
			strings.Contains(fmt.Sprint(entries), "written") {
			t.Errorf("the victim's directory holds %v, %v", entries, err)
		}
		if st := h.running(attackerID); st.Proc != attacker.Proc {
			t.Errorf("the attacker's worker died of its attempts: %+v", st)
		}
	})
	t.Run("only the confinement stood in the way", func(t *testing.T) {
		free := report{Attempts: map[string]int{}, Texts: map[string]string{}}
		look(tgt, free.try)
		for _, name := range []string{
			"read " + open, "read " + filepath.Join(victimDir, "secret"), "read " + victimDir, "read /etc/passwd",
			"read /proc/victim/environ", "read /proc/victim/root/etc/hosts",
			"chmod of the victim's directory", "chown of the victim's directory", "time of the victim's directory",
			"watch of the victim's directory",
			"signal to the victim", "signal by descriptor to the victim", "descriptor of the victim",
			"signal to the victim by a child",
			"the victim's guard", "somebody's abstract socket", "connect to the API", "listen on a port",
			"listen on an abstract name", "take an abstract name", "call to the victim's worker",
		} {
			if number, tried := free.Attempts[name]; !tried || number != 0 {
				t.Errorf("%s: proves nothing, it ends with %q here as well", name, free.Texts[name])
			}
		}
	})
}

const errNoNumber = syscall.Errno(^uintptr(0)) // the end of a connection has none

// expected is how an attempt has to end.
func expected(name string) []syscall.Errno {
	switch {
	case strings.HasPrefix(name, "need: "), name == "talk nonsense to the manager":
		return []syscall.Errno{0}
	case name == "call clone3":
		return []syscall.Errno{syscall.ENOSYS}
	case name == "call to the victim's worker",
		name == "ask the manager as a child": // the end of the connection, or exit code 13
		return []syscall.Errno{errNoNumber, syscall.ECONNRESET}
	case name == "link to the victim's file":
		return []syscall.Errno{syscall.EACCES, syscall.EXDEV, syscall.EPERM}
	case strings.HasPrefix(name, "read "), strings.HasPrefix(name, "follow "), strings.HasPrefix(name, "write "),
		strings.HasPrefix(name, "removal "), strings.HasPrefix(name, "a place "),
		strings.HasPrefix(name, "ask the manager "), strings.HasPrefix(name, "connect to ") &&
			!strings.Contains(name, " by "):
		return []syscall.Errno{syscall.EACCES}
	}
	return []syscall.Errno{syscall.EPERM}
}

func awaitReport(t *testing.T, dir string) report {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(60 * time.Second)
	for {
		raw, err := os.ReadFile(filepath.Join(dir, reportFile))
		if err == nil {
			var r report
			if err := json.Unmarshal(raw, &r); err != nil {
				t.Fatal(err)
			}
			return r
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the hostile worker does not report")
		}
	}
}

// database lists files of the private Postgres, its passwords among them where it has such.
func database(t *testing.T, dsn string) (files []string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Dir(u.Query().Get("host"))
	err = filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir // files of a live database come and go
		}
		if e.IsDir() && strings.Count(strings.TrimPrefix(path, home), "/") > 1 {
			return fs.SkipDir
		}
		if e.Type().IsRegular() || e.IsDir() {
			files = append(files, path)
		}
		return nil
	})
	if err != nil || len(files) < 5 {
		t.Fatalf("the database has files %q, %v", files, err)
	}
	return files
}

// A call that names a URL works through the manager, whichever that is, and
// only where the manager may go.
func TestFilesByURLComeThroughTheManager(t *testing.T) {
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/inside" {
			http.Redirect(w, r, "http://[::1]:1/secret", http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "a file")
	}))
	defer files.Close()
	h := newHost(t)
	h.instance(victimID)
	fetch := func(address string) (string, error) {
		t.Helper()
		w, err := h.sup.Worker(t.Context(), victimID)
		if err != nil {
			t.Fatal(err)
		}
		params, err := json.Marshal([]string{address})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := w.Call(t.Context(), &workerv1.CallRequest{Method: "MessageMedia.fromUrl", Params: params})
		var media struct{ Data []byte }
		if err == nil {
			err = json.Unmarshal(answer.GetResult(), &media)
		}
		return string(media.Data), err
	}
	h.manage()
	first := h.running(victimID)
	if got, err := fetch(files.URL); !fault.Is(err, fault.Invalid) {
		t.Errorf("an internal address was asked: %q, %v", got, err)
	}
	h.end()

	// The next manager adopts the worker, and its networks count.
	h.cfg.MediaNetworks = []string{"127.0.0.0/8"}
	h.manage()
	if st := h.running(victimID); st.Proc != first.Proc {
		t.Fatalf("the worker was not adopted: %+v", st)
	}
	if got, err := fetch(files.URL); err != nil || got != "a file" {
		t.Errorf("fetched %q, %v", got, err)
	}
	if got, err := fetch(files.URL + "/inside"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a redirect led to an internal address: %q, %v", got, err)
	}
	if got, err := fetch("http://127.0.0.1:1/"); !fault.Is(err, fault.Invalid) {
		t.Errorf("where nobody listens: %q, %v", got, err)
	}
}
