package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workeruser"
)

// fallbackDir holds the run directory of a manager that root started, where the
// workers' user cannot get to the data directory, for example below /root.
const fallbackDir = "/var/lib/whatsapp-manager"

// defaultRunDir is inside the data directory, unless the workers' user cannot
// get there. One that a manager has used already stays: its workers are there.
func defaultRunDir(dataDir string, user *workeruser.User) string {
	inside := filepath.Join(dataDir, "run")
	dir := shortDir(inside)
	if user == nil {
		return dir
	}
	parent := filepath.Dir(dir)
	for {
		if _, err := os.Stat(parent); err == nil || parent == "/" {
			break
		}
		parent = filepath.Dir(parent)
	}
	if user.CanEnter(parent) == nil {
		return dir
	}
	if _, err := os.Stat(filepath.Join(dir, workerv1.ManagerLock)); err == nil {
		return dir
	}
	sum := sha256.Sum256([]byte(inside))
	return filepath.Join(fallbackDir, "run-"+hex.EncodeToString(sum[:6]))
}

// longestRunDir leaves room for /<instance id>/plugin<number> within the 107
// bytes of a unix socket's path.
const longestRunDir = 70

// shortDir returns dir, or a directory of the same meaning with a short path
// when dir is too long for sockets. It must outlive a restart of the manager,
// and be the same after it.
func shortDir(dir string) string {
	if len(dir) <= longestRunDir {
		return dir
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join("/var/tmp", fmt.Sprintf("wam-%d-%s", os.Getuid(), hex.EncodeToString(sum[:6])))
}
