package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// volumeSize is room for the cluster, its log and the workers' logs of a long run.
const volumeSize = 1 << 30

// volume puts a small file system under the data directory, so that it can be
// filled without harm to anybody else. Where mounting is not allowed there is
// none, and no full disk either.
func (l *chaosLab) volume(dataDir string) (release func() error, err error) {
	if err := os.Mkdir(dataDir, 0o711); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	err = unix.Mount("tmpfs", dataDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,mode=711", volumeSize))
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		l.o.say("no file system may be mounted here: the disk will not be full")
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, fmt.Errorf("mount volume: %w", err)
	}
	l.ownVolume = true
	return func() error { return unix.Unmount(dataDir, unix.MNT_DETACH) }, nil
}

// fillDisk leaves no room in the data directory for a while.
func (l *chaosLab) fillDisk(d time.Duration) (hit bool, err error) {
	if !l.ownVolume {
		return false, nil
	}
	path := filepath.Join(l.stack.DataDir(), "filler")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return false, fmt.Errorf("make filler: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(path)) }()
	size := int64(0)
	// Others free room now and then, for example with the end of a log segment.
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * ms) {
		var room unix.Statfs_t
		if err := unix.Statfs(path, &room); err != nil {
			return true, fmt.Errorf("look for room: %w", err)
		}
		free := int64(room.Bavail) * room.Bsize
		if free == 0 {
			continue
		}
		if err := unix.Fallocate(int(file.Fd()), 0, size, free); err == nil {
			size += free
		} else if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EINTR) { // ENOSPC: somebody was faster
			return true, fmt.Errorf("fill disk: %w", err)
		}
	}
	return true, nil
}
