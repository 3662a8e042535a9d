package stack

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is one that belongs to a stack, as /proc shows it.
type Process struct {
	PID      int
	Command  string
	Instance string // of a worker, else empty
}

// Processes lists what belongs to the stack: processes whose command line or
// environment names its directory. It asks the kernel, not the product, so it
// is an independent witness. Zombies are not listed.
func (s *Stack) Processes() []Process {
	entries, _ := os.ReadDir("/proc")
	var found []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		command, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err != nil || len(command) == 0 {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if !bytes.Contains(command, []byte(s.Dir)) && !bytes.Contains(environ, []byte(s.Dir)) {
			continue
		}
		found = append(found, Process{
			PID: pid, Command: string(bytes.ReplaceAll(command, []byte{0}, []byte{' '})), Instance: instanceOf(environ),
		})
	}
	return found
}

// Workers maps instances to the PIDs of their workers.
func (s *Stack) Workers() map[string][]int {
	workers := map[string][]int{}
	for _, p := range s.Processes() {
		if p.Instance != "" {
			workers[p.Instance] = append(workers[p.Instance], p.PID)
		}
	}
	return workers
}

func instanceOf(environ []byte) string {
	for kv := range bytes.SplitSeq(environ, []byte{0}) {
		if dir, ok := strings.CutPrefix(string(kv), "PLUGIN_UNIX_SOCKET_DIR="); ok {
			return filepath.Base(dir)
		}
	}
	return ""
}

// Postgres is the PID of the private cluster's postmaster; 0 when there is none.
func (s *Stack) Postgres() int {
	alike := map[int]bool{}
	for _, p := range s.Processes() {
		if program, _, _ := strings.Cut(p.Command, " "); filepath.Base(program) == "postgres" &&
			strings.Contains(p.Command, "-D") {
			alike[p.PID] = true
		}
	}
	for pid := range alike {
		// A backend bears the postmaster's command line until it has set its own.
		if !alike[parentOf(pid)] {
			return pid
		}
	}
	return 0
}

// parentOf returns 0 for a process that is gone.
func parentOf(pid int) int {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	// The name stands in parentheses and may itself contain any character.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}
