package worker

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// sweep removes what an earlier worker of the instance left: sockets and last
// words. Only the owner of the claim may call it. The lock file stays for ever.
func sweep(runDir string) error {
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

// openAttach empties the attach file and writes the identity as its first line.
// go-plugin's handshake line follows once the file stands for descriptor 1.
func openAttach(runDir string, id workerv1.Identity) (*os.File, error) {
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

// writeLastWords puts the reason of a deliberate exit in place in one step, so
// that a reader finds all of it or nothing.
func writeLastWords(runDir string, words workerv1.LastWords) error {
	raw, err := json.Marshal(words)
	if err != nil {
		return fmt.Errorf("encode last words: %w", err)
	}
	path := filepath.Join(runDir, workerv1.LastWordsFile)
	if err = os.WriteFile(path+".new", raw, 0o600); err != nil {
		return fmt.Errorf("write last words: %w", err)
	}
	if err = os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("publish last words: %w", err)
	}
	return nil
}
