package moves

import (
	"archive/zip"
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"whatsapp-manager/supervisor/moving"
)

// What a bot that was busy for a year has, in its table of secrets more than is taken.
const (
	people  = 100_000
	secrets = 700_000
)

// grow fills a store with what a busy bot gathers.
func grow(t *testing.T, store, device string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+store+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)")
	must(t, err)
	const address, chat = "(490000000000 + i) || ':0'", "(490000000000 + i % 1000) || '@s.whatsapp.net'"
	for _, rows := range []struct {
		table, values string
		count         int
	}{
		{"sessions", "$1, " + address + ", zeroblob(900)", people},
		{"identity_keys", "$1, " + address + ", randomblob(32)", people},
		{"lid_map", "'9' || (100000000000 + i), '' || (490000000000 + i)", people},
		{"message_secrets", "$1, " + chat + ", " + chat + ", '3EB0' || i, zeroblob(32)", secrets},
	} {
		_, err := db.ExecContext(t.Context(), "insert into whatsmeow_"+rows.table+
			" with recursive n(i) as (select 1 union all select i + 1 from n) select "+rows.values+" from n where $1 <> '' limit $2", device, rows.count)
		must(t, err)
	}
	must(t, db.Close())
}

func zipped(t *testing.T, path string) []byte {
	t.Helper()
	in, err := os.Open(path)
	must(t, err)
	defer in.Close()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.Create(filepath.Base(path))
	must(t, err)
	_, err = io.Copy(f, in)
	must(t, err)
	must(t, w.Close())
	return out.Bytes()
}

var (
	nowBytes  = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)
	mostBytes = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)
)

// memory of a process in MiB, now or at its most.
func memory(t *testing.T, pid int, which *regexp.Regexp) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	n, err := strconv.Atoi(string(which.FindSubmatch(status)[1]))
	must(t, err)
	return n >> 10
}

// A bot with a million rows moves in over HTTP, and the manager holds little of it at a
// time. Of the secrets the newest come along.
func TestABotThatWasBusyForAYear(t *testing.T) {
	t.Parallel()
	s := start(t)
	owner, friend := person(t, "Owner"), person(t, "Friend")
	store := filepath.Join(t.TempDir(), "store.db")
	before := open(t, store)
	before.pair(owner)
	device := before.Store.ID.String()
	say(t, friend, owner.PN(), "hello program")
	before.got("hello program")
	before.quit()
	friend.Phone().Forget(0) // what came before is of no interest
	grow(t, store, device)
	body := zipped(t, store)

	pid := s.ManagerPID()
	idle := memory(t, pid, nowBytes)
	var out struct {
		Instance struct{ ID string }
		APIKey   string
		Report   moving.Report
	}
	must(t, s.Client.Want(deadline(t, 3*patience), http.StatusCreated, http.MethodPost, "/api/instances/import?from=whatsmeow-sqlite", body, &out))
	most := memory(t, pid, mostBytes)
	t.Logf("the manager has %d MiB when idle, and at most %d MiB while it takes in %d rows", idle, most, 3*people+secrets)
	if most-idle > 200 {
		t.Errorf("the manager grows from %d to %d MiB", idle, most)
	}
	for what, want := range map[string]int{"sessions": people, "identities": people, "lidPairs": people, "messageSecrets": moving.MaxSecrets} {
		if got := out.Report.Taken[what]; got < want {
			t.Errorf("%d %s were taken, want %d", got, what, want)
		}
	}
	lost := 0
	for _, l := range out.Report.Lost {
		if l.What == "messageSecrets" {
			lost = l.Count
		}
	}
	if lost < secrets-moving.MaxSecrets || lost > secrets-moving.MaxSecrets+100 {
		t.Errorf("%d secrets are said to be lost: %+v", lost, out.Report.Lost)
	}
	in := &settler{s, out.Instance.ID, out.APIKey, out.Report}
	in.begin(t)
	say(t, friend, owner.PN(), "is it still you?")
	in.got(t, "is it still you?")
	in.send(t, friend.Number()+"@c.us", "it is")
	heard(t, friend, "it is")
	nobodyAsked(t, friend)
}
