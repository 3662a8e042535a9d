package localpg

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// install makes programs that only know their version.
func install(t *testing.T, dir, version string) string {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	for _, name := range []string{"initdb", "postgres"} {
		script := "#!/bin/sh\necho \"" + name + " (PostgreSQL) " + version + "\"\n"
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
	return dir
}

func TestFindBinaries(t *testing.T) {
	base := newDir(t)
	glob := []string{filepath.Join(base, "pg", "*", "bin")}
	old := install(t, filepath.Join(base, "pg", "9.6", "bin"), "9.6.24")
	v15 := install(t, filepath.Join(base, "pg", "15", "bin"), "15.18 (Debian 15.18-0+deb12u1)")
	v16 := install(t, filepath.Join(base, "pg", "16", "bin"), "16.4")
	beta := install(t, filepath.Join(base, "pg", "17", "bin"), "17beta1")
	newer15 := install(t, filepath.Join(base, "own"), "15.20")
	server := filepath.Join(base, "pg", "18", "bin") // without initdb
	install(t, server, "18.0")
	must(t, os.Remove(filepath.Join(server, "initdb")))
	links := filepath.Join(base, "links") // single programs, as in /usr/local/bin
	must(t, os.MkdirAll(links, 0o755))
	must(t, os.Symlink(filepath.Join(v16, "postgres"), filepath.Join(links, "postgres")))
	broken := filepath.Join(base, "broken")
	must(t, os.MkdirAll(broken, 0o755))
	must(t, os.Symlink(filepath.Join(base, "nowhere"), filepath.Join(broken, "postgres")))

	for _, tc := range []struct {
		name, path string
		globs      []string
		major      int
		want       string
	}{
		{"the newest", "", glob, 0, beta},
		{"of the data's version", "", glob, 15, v15},
		{"of the data's version, the newest", newer15, glob, 15, newer15},
		{"through links in PATH", broken + ":" + links, nil, 0, v16},
		{"the working directory is not searched", ".:", nil, 0, ""},
		{"too old", old, nil, 0, ""},
		{"too old, but the data is too", old, nil, 9, old},
		{"not installed any more", "", glob, 14, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, err := findBinaries(t.Context(), tc.path, tc.globs, tc.major)
			if b.dir != tc.want || (tc.want == "") != errors.Is(err, ErrNoBinaries) {
				t.Errorf("got %q, %v; want %q", b.dir, err, tc.want)
			}
		})
	}
}

func TestMissingBinariesSayWhatToInstall(t *testing.T) {
	cfg := config(newDir(t))
	cfg.searchDirs = []string{}
	_, err := Ensure(t.Context(), cfg)
	if !errors.Is(err, ErrNoBinaries) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"apt-get install postgresql;", "dnf install postgresql-server", "apk add postgresql", "pacman -S postgresql", "WAM_DATABASE_URL"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in: %v", part, err)
		}
	}
	must(t, os.Mkdir(filepath.Join(cfg.DataDir, "data"), 0o700))
	must(t, os.WriteFile(filepath.Join(cfg.DataDir, "data", "PG_VERSION"), []byte("14\n"), 0o600))
	cfg.searchDirs = []string{install(t, filepath.Join(newDir(t), "bin"), "16.4")}
	_, err = Ensure(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "apt-get install postgresql-14") || !strings.Contains(err.Error(), "found 16.4") {
		t.Errorf("got %v", err)
	}
}

func TestRealBinariesAreFoundWithAndWithoutPATH(t *testing.T) {
	viaDirs, derr := findBinaries(t.Context(), "", packageDirs, 0)
	viaPath, perr := findBinaries(t.Context(), os.Getenv("PATH"), nil, 0)
	if derr != nil && perr != nil {
		t.Fatalf("%v; %v", derr, perr)
	}
	if derr == nil && perr == nil && viaDirs.major == viaPath.major && viaDirs != viaPath {
		t.Errorf("the same programs have two places: %v and %v", viaDirs, viaPath)
	}
}
