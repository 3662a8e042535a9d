package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Import paths of the product's programs.
const (
	Manager   = "whatsapp-manager/cmd/whatsapp-manager"
	Worker    = "whatsapp-manager/cmd/whatsapp-worker"
	Simulator = "whatsapp-manager/cmd/wasim"
)

// Program is one to build.
type Program struct {
	Name    string // of the file; empty: the last element of Package
	Package string // import path
}

// Build compiles programs into dir, with further flags of the go command, which
// may replace those of Build itself. The compiler's complaints go to standard
// error.
func Build(ctx context.Context, dir string, flags []string, programs ...Program) error {
	for _, p := range programs {
		name := p.Name
		if name == "" {
			name = filepath.Base(p.Package)
		}
		// `go run` keeps what it has linked, which `go build` does not, and cp takes
		// the place of the program. Many test binaries need the same programs.
		// Without symbols, as the Makefile does it, linking takes half the time.
		args := append([]string{"run", "-ldflags", "-s -w", "-exec", "cp"}, flags...)
		build := exec.CommandContext(ctx, "go", append(args, p.Package, filepath.Join(dir, name))...)
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
	}
	return nil
}

// Restamp copies programs from one directory to another and turns the stamp that was
// linked into them (-X main.Build=…) into another of the same length. A second build that
// differs in its stamp only need not be linked.
func Restamp(from, to, stamp, other string, programs ...Program) error {
	if len(stamp) != len(other) || len(stamp) < 8 {
		return fmt.Errorf("stamps %q and %q: want two of one length, long enough to stand nowhere else", stamp, other)
	}
	for _, p := range programs {
		name := p.Name
		if name == "" {
			name = filepath.Base(p.Package)
		}
		program, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if !bytes.Contains(program, []byte(stamp)) {
			return fmt.Errorf("%s was not built with the stamp %s", name, stamp)
		}
		program = bytes.ReplaceAll(program, []byte(stamp), []byte(other))
		if err := os.WriteFile(filepath.Join(to, name), program, 0o755); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}
