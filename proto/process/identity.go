package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Identity names a process beyond the reuse of its PID: a PID is believed only
// together with its start time and the boot of the host.
type Identity struct {
	PID        int
	StartTicks uint64 // field 22 of /proc/PID/stat
	BootID     string
}

// Identify returns the identity of the process that has the PID now.
func Identify(pid int) (Identity, error) {
	st, err := ReadStat(pid)
	if err != nil {
		return Identity{}, err
	}
	boot, err := BootID()
	if err != nil {
		return Identity{}, err
	}
	return Identity{PID: pid, StartTicks: st.StartTicks, BootID: boot}, nil
}

// Lives reports whether this very process exists, and not merely its PID.
func (i Identity) Lives() bool {
	if i.PID == 0 {
		return false
	}
	now, err := Identify(i.PID)
	return err == nil && now == i
}

// Remains reports whether the process lives and does not end within grace. When
// ctx ends first, it remains.
func (i Identity) Remains(ctx context.Context, grace time.Duration) bool {
	if !i.Lives() {
		return false
	}
	p, err := Watch(i.PID)
	if err != nil {
		return i.Lives()
	}
	defer p.Release()
	// Asked again: another process may have got the PID before it was pinned.
	return i.Lives() && !p.AwaitEnd(ctx, grace)
}

// BootID returns the ID of the host's present boot.
func BootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// Stat is the part of /proc/PID/stat that somebody here uses.
type Stat struct {
	Name        string // the kernel keeps its first 15 bytes
	State       byte   // Z is a zombie
	Parent      int    // PID
	UserTicks   uint64 // computed by itself, 100 a second
	SystemTicks uint64 // computed by the kernel for it, 100 a second
	StartTicks  uint64 // when it started, since the boot
}

// minStatFields is up to the start time, field 22, behind the first two.
const minStatFields = 20

// ReadStat reads what the kernel says of the process that has the PID now.
func ReadStat(pid int) (Stat, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Stat{}, fmt.Errorf("read stat of %d: %w", pid, err)
	}
	st, err := parseStat(string(b))
	if err != nil {
		return Stat{}, fmt.Errorf("read stat of %d: %w", pid, err)
	}
	return st, nil
}

// parseStat counts the fields from the last parenthesis: the name stands in
// parentheses and may itself contain any character.
func parseStat(text string) (Stat, error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return Stat{}, errors.New("no command name")
	}
	f := strings.Fields(text[end+1:]) // f[0] is field 3
	if len(f) < minStatFields {
		return Stat{}, fmt.Errorf("%d fields after the name", len(f))
	}
	st := Stat{Name: text[open+1 : end], State: f[0][0]}
	var errs [4]error
	st.Parent, errs[0] = strconv.Atoi(f[1])
	st.UserTicks, errs[1] = strconv.ParseUint(f[11], 10, 64)
	st.SystemTicks, errs[2] = strconv.ParseUint(f[12], 10, 64)
	st.StartTicks, errs[3] = strconv.ParseUint(f[19], 10, 64)
	return st, errors.Join(errs[:]...)
}
