package workeruser_test

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"

	"whatsapp-manager/supervisor/workeruser"
)

func TestChoose(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Run("nobody else where we are not root", func(t *testing.T) {
			if u, err := workeruser.Choose(""); u != nil || err != nil {
				t.Errorf("got %+v, %v", u, err)
			}
			if u, err := workeruser.Choose("nobody"); err == nil {
				t.Errorf("got %+v", u)
			}
		})
		return
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		wanted string
		uid    string // empty: none
		fails  bool
	}{
		{"root", "", false},
		{"0", "", false},
		{"nobody", nobody.Uid, false},
		{nobody.Uid, nobody.Uid, false},
		{"61999", "61999", false},
		{"there is no such user", "", true},
		{"-1", "", true},
		{"4294967295", "", true},
	} {
		t.Run(tc.wanted, func(t *testing.T) {
			u, err := workeruser.Choose(tc.wanted)
			switch {
			case (err != nil) != tc.fails:
				t.Fatalf("got %+v, %v", u, err)
			case u == nil != (tc.uid == ""):
				t.Fatalf("got %+v", u)
			case u != nil && (strconv.Itoa(u.UID) != tc.uid || !u.Chosen):
				t.Errorf("got %+v", u)
			}
		})
	}
	t.Run("by itself", func(t *testing.T) {
		u, err := workeruser.Choose("")
		if err != nil || u == nil || u.UID == 0 || u.GID == 0 || u.Chosen {
			t.Fatalf("got %+v, %v", u, err)
		}
		known, err := user.LookupId(strconv.Itoa(u.UID))
		if err == nil && known.Username != workeruser.Name {
			t.Errorf("the number is %s's", known.Username)
		}
		again, err := workeruser.Choose("")
		if err != nil || *again != *u {
			t.Errorf("the next time it is %+v, %v", again, err)
		}
	})
}

func TestCanEnter(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can ask for another user")
	}
	dir, err := os.MkdirTemp("", "wam")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	below := filepath.Join(dir, "below")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	u := workeruser.User{UID: 61999, GID: 61999}
	for _, tc := range []struct {
		why  string
		mode os.FileMode
		want bool
	}{{"closed", 0o700, false}, {"listed but not passed", 0o744, false}, {"passed but not listed", 0o711, true}} {
		t.Run(tc.why, func(t *testing.T) {
			if err := os.Chmod(dir, tc.mode); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{dir, below} {
				if err := u.CanEnter(path); (err == nil) != tc.want {
					t.Errorf("%s: %v", path, err)
				}
			}
		})
	}
	if os.Geteuid() != 0 {
		t.Error("the asking changed who we are")
	}
	if _, err := os.Stat("/root/."); err != nil {
		t.Errorf("the asking took something from us: %v", err)
	}
}
