package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// minMajor is the oldest major version whose settings and SQL we rely on.
const minMajor = 13

// packageDirs are where distributions put the server's programs, which are
// often not in PATH.
var packageDirs = []string{
	"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                   // PGDG packages on RHEL, Fedora
	"/usr/libexec/postgresql*",           // Alpine
	"/usr/lib/postgresql*/bin",           // SUSE, Gentoo
	"/usr/lib64/postgresql*/bin",         // Gentoo
	"/usr/local/pgsql/bin",               // built from source
	"/usr/local/lib/postgresql/*/bin",    // FreeBSD style prefixes
	"/opt/homebrew/opt/postgresql@*/bin", // Homebrew
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
	"/opt/postgresql/*/bin",
}

// ErrNoBinaries is what Ensure's error wraps when the machine has no usable
// Postgres server; the error's text says what to install.
var ErrNoBinaries = errors.New("no PostgreSQL server programs found")

// binaries is one installed Postgres server.
type binaries struct {
	dir          string // holds initdb and postgres
	major, minor int
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }

var versionLine = regexp.MustCompile(`\(PostgreSQL\) (\d+)(?:\.(\d+))?`)

// findBinaries returns the newest installed server, or the newest one of the
// major version when that is not 0, since a data directory can be read by its
// own major version only.
func findBinaries(ctx context.Context, pathEnv string, dirs []string, major int) (binaries, error) {
	var found []binaries
	seen := map[string]bool{}
	for _, dir := range candidateDirs(pathEnv, dirs) {
		real, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
		if err != nil {
			continue
		}
		// PATH often holds links to single programs; their home holds all of them.
		for _, d := range []string{filepath.Dir(real), dir} {
			if seen[d] {
				continue
			}
			seen[d] = true
			if b, ok := inspect(ctx, d); ok {
				found = append(found, b)
				break
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return binaries{}, fmt.Errorf("find postgres: %w", err)
	}
	slices.SortStableFunc(found, func(a, b binaries) int {
		if a.major != b.major {
			return b.major - a.major
		}
		return b.minor - a.minor
	})
	for _, b := range found {
		if major == 0 && b.major >= minMajor || major != 0 && b.major == major {
			return b, nil
		}
	}
	return binaries{}, missing(found, major)
}

func candidateDirs(pathEnv string, globs []string) []string {
	var dirs []string
	for _, d := range filepath.SplitList(pathEnv) {
		if filepath.IsAbs(d) { // never run a program from the working directory by accident
			dirs = append(dirs, d)
		}
	}
	for _, g := range globs {
		m, _ := filepath.Glob(g) // the only error is a bad pattern
		dirs = append(dirs, m...)
	}
	return dirs
}

func inspect(ctx context.Context, dir string) (binaries, bool) {
	for _, name := range []string{"initdb", "postgres"} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || st.IsDir() || st.Mode()&0o111 == 0 {
			return binaries{}, false
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, false
	}
	m := versionLine.FindStringSubmatch(string(out))
	if m == nil {
		return binaries{}, false
	}
	b := binaries{dir: dir}
	b.major, _ = strconv.Atoi(m[1])
	b.minor, _ = strconv.Atoi(m[2])
	return b, true
}

func missing(found []binaries, major int) error {
	pkg := "postgresql"
	var why strings.Builder
	switch {
	case major != 0:
		fmt.Fprintf(&why, "the data directory was made by PostgreSQL %d, whose programs are not installed", major)
		pkg = fmt.Sprintf("postgresql-%d", major)
	case len(found) > 0:
		fmt.Fprintf(&why, "PostgreSQL %d or newer is needed", minMajor)
	default:
		why.WriteString("no initdb and postgres in PATH or in the usual package directories")
	}
	for _, b := range found {
		fmt.Fprintf(&why, "; found %d.%d in %s", b.major, b.minor, b.dir)
	}
	alpine, rhel := pkg, "postgresql-server"
	if major != 0 {
		alpine, rhel = fmt.Sprintf("postgresql%d", major), fmt.Sprintf("postgresql%d-server", major)
	}
	return fmt.Errorf("%w: %s; install it (Debian, Ubuntu: apt-get install %s; Fedora, RHEL: dnf install %s; Alpine: apk add %s; "+
		"Arch: pacman -S postgresql; openSUSE: zypper install %s; macOS: brew install postgresql) or set WAM_DATABASE_URL to a database of your own",
		ErrNoBinaries, why.String(), pkg, rhel, alpine, rhel)
}
