package lab

import (
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
