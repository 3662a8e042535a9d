package host

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// Sweep removes the sockets and last words of an earlier worker of the instance. Only
// the owner of the claim may call it. The lock file stays for ever.
func Sweep(runDir string) error {
	stale, err := filepath.Glob(filepath.Join(runDir, "plugin*"))
	if err != nil {
		return fmt.Errorf("list sockets: %w", err)
	}
	for _, path := range append(stale, filepath.Join(runDir, workerv1.LastWordsFile)) {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("sweep run directory: %w", err)
		}
	}
	return nil
}

// OpenAttach empties the attach file and writes the identity as its first line.
// go-plugin's handshake line follows once the file stands for descriptor 1.
func OpenAttach(runDir string, id workerv1.Identity) (*os.File, error) {
	line, err := json.Marshal(id)
	if err != nil {
		return nil, fmt.Errorf("encode identity: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(runDir, workerv1.AttachFile), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open attach file: %w", err)
	}
	if _, err = f.Write(append(line, '\n')); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("write identity: %w", err)
	}
	return f, nil
}
