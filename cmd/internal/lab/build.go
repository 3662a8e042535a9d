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

// Build compiles programs into dir, with further flags of `go build`, which may
// replace those of Build itself. The compiler's complaints go to standard error.
func Build(ctx context.Context, dir string, flags []string, programs ...Program) error {
	for _, p := range programs {
		name := p.Name
		if name == "" {
			name = filepath.Base(p.Package)
		}
		// Linked as the Makefile does. Without symbols that takes half the time.
		args := append([]string{"build", "-ldflags", "-s -w"}, flags...)
		build := exec.CommandContext(ctx, "go", append(args, "-o", filepath.Join(dir, name), p.Package)...)
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
	}
	return nil
}
