package apart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/formats"
	"whatsapp-manager/supervisor/moving/sqlstore"
	"whatsapp-manager/worker/keystore"
)

// spy has the process try what it must not be able to do, instead of reading.
const spy = "spy"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Command {
		if err := Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 2 && os.Args[1] == spy {
		os.Exit(tryOut(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func reader(t *testing.T) Reader {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	return Reader{Program: self}
}

func account() *moving.Account {
	b := func(n int) []byte { return append(make([]byte, n-1), 1) }
	return &moving.Account{Device: moving.Device{
		JID: "4915112345678:3@s.whatsapp.net", RegistrationID: 1, Noise: [32]byte{1}, Identity: [32]byte{2}, SignedPreKey: [32]byte{3}, SignedID: 1,
		Signature: b(64), AdvSecret: b(32), Details: b(2), AccountSignature: b(64), AccountKey: b(32), DeviceSignature: b(64), PushName: "Me",
	}}
}

func TestReadsInAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	must(t, sqlstore.WriteSQLite(t.Context(), path, account(), keystore.CreateIn))
	res, err := reader(t).Read(t.Context(), Request{Form: formats.SQLite, Dir: dir, Path: path})
	must(t, err)
	if res.Account.Device.Identity != account().Device.Identity || res.Report.Name != "Me" || len(res.Report.Lost) == 0 {
		t.Errorf("read %+v", res)
	}
	_, err = reader(t).Read(t.Context(), Request{Form: formats.SQLite, Dir: dir, Path: path, Device: "1:1@s.whatsapp.net"})
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != "no_such_device" || f.Field != "device" {
		t.Errorf("another device: %v", err)
	}
	_, err = reader(t).Read(t.Context(), Request{Form: formats.SQLite, Dir: dir, Path: filepath.Join(t.TempDir(), "elsewhere")})
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("a file elsewhere: %v", err)
	}
}

// Memory is booked for the account that comes out, whatever the file's own size.
func TestMemoryIsBookedForTheAnswer(t *testing.T) {
	dir, large := t.TempDir(), account()
	for i := range 8 {
		large.Sent = append(large.Sent, moving.Sent{Chat: "1@s.whatsapp.net", ID: string(rune('a' + i)), Plaintext: make([]byte, 1<<20)})
	}
	path := filepath.Join(dir, "store.db")
	must(t, sqlstore.WriteSQLite(t.Context(), path, large, keystore.CreateIn))
	booked := int64(0)
	req := Request{Form: formats.SQLite, Dir: dir, Path: path, Book: func(n int64) error { booked += n; return nil }}
	read := func() error {
		res, err := reader(t).Read(t.Context(), req)
		if err != nil {
			return err
		}
		defer res.Close()
		sent := 0
		for part, err := range res.Rest {
			if err != nil {
				return err
			}
			sent += len(part.Sent)
		}
		if sent != 8 {
			t.Errorf("%d rows came", sent)
		}
		return nil
	}
	must(t, read())
	if booked < 3*4<<20 || booked > 3*8<<20 {
		t.Errorf("%d bytes were booked for an account of 8 MiB in parts of 4 MiB", booked)
	}
	booked = 0
	full := fault.New(fault.RateLimited, "book", "no memory")
	req.Book = func(n int64) error {
		if booked += n; booked > 4<<20 {
			return full
		}
		return nil
	}
	if err := read(); !errors.Is(err, full) || booked > 6<<20 {
		t.Errorf("with a full book: %v, %d bytes booked", err, booked)
	}
}

func TestAProcessThatBreaksIsARefusal(t *testing.T) {
	_, err := Reader{Program: "/bin/false"}.Read(t.Context(), Request{Form: formats.SQLite, Dir: t.TempDir()})
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("%v is no refusal", err)
	}
}

// tryOut returns 0 when the process is held to its directory.
func tryOut(dir, secret string) int {
	score, err := os.Open("/proc/self/oom_score_adj")
	if err != nil {
		return 6
	}
	defer score.Close()
	if err := confine(dir); err != nil {
		return 2
	}
	if _, err := os.ReadFile(filepath.Clean(secret)); err == nil {
		return 3
	}
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		return 4
	}
	if c, err := new(net.Dialer).DialContext(context.Background(), "tcp", os.Args[4]); err == nil {
		c.Close()
		return 5
	}
	if text, err := io.ReadAll(score); err != nil || string(text) != "1000\n" {
		return 7
	}
	if _, err := unix.Mmap(-1, 0, 1<<30, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON); !errors.Is(err, unix.ENOMEM) {
		return 8
	}
	return 0
}

// TestItSeesNothingElse skips nothing: a kernel without Landlock is reported.
func TestItSeesNothingElse(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("x"), 0o600))
	dir := t.TempDir()
	p, err := os.StartProcess(reader(t).Program, []string{"x", spy, dir, secret, listener.Addr().String()}, &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr}})
	must(t, err)
	state, err := p.Wait()
	must(t, err)
	if code := state.ExitCode(); code != 0 {
		t.Errorf("the process got out, or not to its directory: %d", code)
	}
}
