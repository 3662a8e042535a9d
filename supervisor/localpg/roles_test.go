package localpg

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"whatsapp-manager/proto/process"
)

// code is why a statement failed, "" when it did not.
func code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func dial(t *testing.T, c *Cluster, as login, db string) (*pgx.Conn, error) {
	t.Helper()
	conn, err := c.connect(t.Context(), as, db)
	if err == nil {
		t.Cleanup(func() { conn.Close(context.Background()) })
	}
	return conn, err
}

func TestNobodyGetsInWithoutAPassword(t *testing.T) {
	c := ensureCluster(t, config(newDir(t)))
	for _, as := range []login{{superuser, ""}, {superuser, "guess"}, {owner, ""}, {"postgres", ""}, {"nobody", ""}} {
		for _, db := range []string{database, "postgres", "template1"} {
			if _, err := dial(t, c, as, db); !refused(err) {
				t.Errorf("%q in %s: %v", as.role, db, err)
			}
		}
	}
	for _, db := range []string{"postgres", "template1"} {
		if _, err := dial(t, c, c.owner, db); code(err) != "42501" {
			t.Errorf("the owner in %s: %v", db, err)
		}
	}
}

// What a worker's role could do if its grants were all that held it.
func TestTheOwnerAndItsRolesAreNoSuperusers(t *testing.T) {
	c := ensureCluster(t, config(newDir(t)))
	execute(t, c, "create role visitor login password 'visitor'")
	execute(t, c, "grant connect on database "+database+" to visitor")
	execute(t, c, "create table secrets (v text)")
	as := map[string]*pgx.Conn{}
	for name, l := range map[string]login{"owner": c.owner, "visitor": {"visitor", "visitor"}} {
		conn, err := dial(t, c, l, database)
		must(t, err)
		as[name] = conn
	}
	for _, tc := range []struct{ who, sql, want string }{
		{"owner", "copy (select 1) to program 'true'", "42501"},
		{"owner", "select pg_read_file('/etc/passwd')", "42501"},
		{"owner", "select lo_import('/etc/passwd')", "42501"},
		{"owner", "create role boss superuser", "42501"},
		{"owner", "alter role " + superuser + " password 'x'", "42501"},
		{"owner", "select rolpassword from pg_authid", "42501"},
		{"owner", "create database more", "42501"},
		{"owner", "select pg_advisory_lock(1)", ""},
		{"owner", "do $$ begin perform 1; end $$", ""},
		{"visitor", "copy (select 1) to program 'true'", "42501"},
		{"visitor", "copy (select 1) to '/tmp/x'", "42501"},
		{"visitor", "select * from secrets", "42501"},
		{"visitor", "create table mine (v int)", "42501"},
		{"visitor", "create temporary table mine (v int)", "42501"},
		{"visitor", "create schema mine", "42501"},
		{"visitor", "create function f() returns int language sql as 'select 1'", "42501"},
		{"visitor", "create extension dblink", "42501"},
		{"visitor", "do $$ begin perform 1; end $$", "42501"},
		{"visitor", "select lo_creat(-1)", "42501"},
		{"visitor", "select lo_from_bytea(0, 'x')", "42501"},
		{"visitor", "select pg_advisory_lock(1)", "42501"},
		{"visitor", "select pg_try_advisory_xact_lock_shared(1, 2)", "42501"},
		{"visitor", "select pg_ls_dir('.')", "42501"},
		{"visitor", "select pg_stat_file('postgresql.conf')", "42501"},
		{"visitor", "select pg_logical_emit_message(false, 'x', repeat('x', 100))", "42501"},
		{"visitor", "set role " + owner, "42501"},
		{"visitor", "set session authorization " + owner, "42501"},
		{"visitor", "alter system set fsync = off", "42501"},
		{"visitor", "set temp_file_limit = -1", "42501"},
		{"visitor", "select pg_reload_conf()", "42501"},
	} {
		t.Run(tc.who+" "+tc.sql[:min(len(tc.sql), 40)], func(t *testing.T) {
			if _, err := as[tc.who].Exec(t.Context(), tc.sql); code(err) != tc.want {
				t.Errorf("got %v, want code %q", err, tc.want)
			}
		})
	}
	for who, want := range map[string]string{"owner": "-1", "visitor": "512MB"} {
		var limit string
		must(t, as[who].QueryRow(t.Context(), "show temp_file_limit").Scan(&limit))
		if limit != want {
			t.Errorf("%s may fill %s of the disk with temporary files, want %s", who, limit, want)
		}
	}
}

func TestLostPasswords(t *testing.T) {
	dir := newDir(t)
	c := ensureCluster(t, config(dir))
	before := c.URL()
	must(t, os.Remove(filepath.Join(dir, "owner.secret")))
	if again := ensureCluster(t, config(dir)); again.URL() == before || query[int](t, again, "select 1") != 1 {
		t.Error("the owner did not get another password")
	}
	must(t, os.Remove(filepath.Join(dir, "superuser.secret")))
	if _, err := Ensure(t.Context(), config(dir)); err == nil || !strings.Contains(err.Error(), "superuser.secret") {
		t.Errorf("got %v, want the file that is missing", err)
	}
}

// olderCluster makes what earlier builds made, with data in it, and leaves it
// running: everybody is the superuser whatsapp_manager.
func olderCluster(t *testing.T, dir string) (url string) {
	t.Helper()
	cfg := config(dir)
	must(t, os.MkdirAll(dir, 0o711))
	bin, err := findBinaries(t.Context(), os.Getenv("PATH"), packageDirs, 0)
	must(t, err)
	p := place{home: dir}
	acc, err := chooseAccount(p.data(), "")
	must(t, err)
	must(t, privateDir(p.data(), acc))
	cmd := exec.Command(bin.path("initdb"), "-D", p.data(), "-U", owner, "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync")
	cmd.Env, cmd.Dir = environment(), dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: acc.credential()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	must(t, includeTuned(p.data()))
	life, err := claim(dir)
	must(t, err)
	defer life.Close()
	c, err := start(t.Context(), p, bin, acc, life, cfg)
	must(t, err)
	c.Release()
	must(t, c.run(t.Context(), login{owner, ""}, "postgres", "create role bystander login")) // an operator's own
	conn, err := dial(t, c, login{owner, ""}, "postgres")
	must(t, err)
	_, err = conn.Exec(t.Context(), "create database "+database)
	must(t, err)
	must(t, c.run(t.Context(), login{owner, ""}, database,
		"create schema whatsmeow", "create table whatsmeow.keys (id text primary key, key bytea)", "insert into whatsmeow.keys values ('a', 'k')",
		"create type mood as enum ('well', 'ill')", "create domain digits as text check (value ~ '^[0-9]+$')", "create type pair as (a int, b int)",
		"create table kept (id bigint generated always as identity primary key, n serial, m mood default 'well', v text)", "create index on kept (v)",
		"insert into kept (v) select 'row ' || g from generate_series(1, 100) g",
		"create view few as select * from kept where id < 10", "create sequence alone",
		"create function twice(i int) returns int language sql as 'select 2 * i'", "create procedure nothing() language plpgsql as $$ begin end $$",
		"create function touched() returns trigger language plpgsql as $$ begin return new; end $$",
		"create trigger touch before update on kept for each row execute function touched()"))
	return socketURL(c.socket, database, login{owner, ""})
}

// converted checks that nothing is lost, and that everything is the owner's.
func converted(t *testing.T, c *Cluster, older string) {
	t.Helper()
	if n := query[int](t, c, "select count(*) from kept"); n != 100 {
		t.Errorf("%d rows are left", n)
	}
	if _, err := pgx.Connect(t.Context(), older); !refused(err) {
		t.Errorf("the former way in: %v", err)
	}
	for _, sql := range []string{
		"insert into kept (v) values ('more')", "alter table kept add column w int", "alter type mood add value 'so so'", "create or replace view few as select id, n, m, v from kept",
		"select nextval('alone')", "alter domain digits drop not null", "alter type pair add attribute c int", "drop function twice(int)", "drop procedure nothing()", "create table whatsmeow.more (id int)",
		"delete from kept where v = 'more'", "drop table whatsmeow.more", "alter table whatsmeow.keys add column n int", "update kept set v = v",
	} {
		execute(t, c, sql)
	}
	if left := query[string](t, c, `select coalesce(string_agg(what, ', '), '') from (
		select oid::regclass::text as what from pg_class where relowner = 10 and relnamespace in ('public'::regnamespace, 'whatsmeow'::regnamespace)
		union all select proname from pg_proc where proowner = 10 and pronamespace = 'public'::regnamespace
		union all select typname from pg_type where typowner = 10 and typnamespace = 'public'::regnamespace
		union all select datname from pg_database where datname = current_database() and datdba = 10) left_over`); left != "" {
		t.Errorf("still the superuser's: %s", left)
	}
	if got := query[string](t, c, "select string_agg(rolname, ' ' order by rolname) from pg_roles where rolsuper"); got != superuser {
		t.Errorf("superusers: %s", got)
	}
	if query[bool](t, c, "select rolsuper from pg_roles where rolname = current_user") {
		t.Error("the owner is a superuser")
	}
}

func TestAnOlderClusterIsConverted(t *testing.T) {
	for _, running := range []bool{false, true} {
		t.Run(fmt.Sprintf("running %t", running), func(t *testing.T) {
			dir := newDir(t)
			older := olderCluster(t, dir)
			worker, err := pgx.Connect(t.Context(), older)
			must(t, err)
			defer worker.Close(context.Background())
			if !running {
				f, err := readPIDFile(filepath.Join(dir, "data", "postmaster.pid"))
				must(t, err)
				proc, err := process.Watch(f.pid)
				must(t, err)
				must(t, stopPostmaster(t.Context(), proc, fast))
			}
			c := ensureCluster(t, config(dir))
			if c.Adopted() != running {
				t.Errorf("adopted %t", c.Adopted())
			}
			if _, err := worker.Exec(t.Context(), "select 1"); err == nil {
				t.Error("a superuser's session of the earlier build lives on")
			}
			converted(t, c, older)
			again := ensureCluster(t, config(dir))
			if !again.Adopted() || again.URL() != c.URL() {
				t.Error("not the same afterwards")
			}
			must(t, again.Stop(t.Context()))
			if n := query[int](t, ensureCluster(t, config(dir)), "select count(*) from kept"); n != 100 {
				t.Errorf("%d rows are left", n)
			}
		})
	}
}

// Killed at random moments, the next manager goes on with the conversion.
func TestKilledWhileConverting(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	dir := newDir(t)
	older := olderCluster(t, dir)
	for range 8 {
		m := startManager(t, dir, nil)
		<-time.After(time.Duration(rnd.Int64N(int64(250 * time.Millisecond)))) // the moment of the fault
		m.kill()
	}
	converted(t, ensureCluster(t, config(dir)), older)
}

// Between any two steps, too, however quick they are.
func TestConversionBrokenOffBetweenSteps(t *testing.T) {
	dir := newDir(t)
	older := olderCluster(t, dir)
	c := &Cluster{place: place{home: dir}, socket: filepath.Join(dir, "run")}
	boss, err := secret(c.place.superuserSecret())
	must(t, err)
	admin := login{superuser, boss}
	old := login{owner, ""}
	must(t, c.run(t.Context(), old, "postgres", "create role "+converting))          // half of the first step
	must(t, c.renameSuperuser(t.Context(), admin))                                   // the second is missing
	must(t, writeLike(c.place.accessFile(), access, c.place.data()))                 // written, not loaded
	must(t, c.run(t.Context(), admin, "postgres", "create role "+owner+" nologin"))  // made, and no more
	must(t, c.run(t.Context(), admin, database, "alter table kept owner to "+owner)) // some are its own
	converted(t, ensureCluster(t, config(dir)), older)
}
