package localpg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrNotRunning says that the cluster is not running, or was never made.
var ErrNotRunning = errors.New("the private Postgres is not running")

// Look returns the URL of the running cluster in dataDir, as Cluster.URL does,
// and starts and changes nothing. Error: ErrNotRunning; or that it is of an
// earlier build.
func Look(dataDir string) (string, error) {
	dir, err := filepath.EvalSymlinks(dataDir)
	if errors.Is(err, os.ErrNotExist) {
		return "", ErrNotRunning
	}
	if err != nil {
		return "", fmt.Errorf("look at private postgres: %w", err)
	}
	p, err := remembered(dir)
	if err != nil {
		return "", fmt.Errorf("look at private postgres: %w", err)
	}
	f, err := readPIDFile(p.pidFile())
	if errors.Is(err, os.ErrNotExist) || err == nil && (f.socket == "" || !isPostmaster(f.pid, p.data())) {
		return "", ErrNotRunning
	}
	if err != nil {
		return "", fmt.Errorf("look at private postgres: %w", err)
	}
	password, err := os.ReadFile(p.ownerSecret())
	if errors.Is(err, os.ErrNotExist) {
		return "", errors.New("look at private postgres: it is of an earlier build, without passwords; the next start of the manager converts it")
	}
	if err != nil {
		return "", fmt.Errorf("look at private postgres: %w", err)
	}
	return socketURL(f.socket, database, login{owner, strings.TrimSpace(string(password))}), nil
}
