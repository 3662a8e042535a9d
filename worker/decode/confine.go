package decode

import (
	"fmt"
	"os"
	"slices"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// limit sets the kernel's limits for the job and the program that it executes.
func limit(req request) error {
	limits := map[int]uint64{
		unix.RLIMIT_CPU:    req.CPU,
		unix.RLIMIT_NOFILE: maxDescriptors,
		unix.RLIMIT_FSIZE:  0, // the answer is a pipe
	}
	if !raceDetector { // it reserves more address space than any limit
		limits[unix.RLIMIT_DATA] = uint64(req.Memory) + idleReserve
		if req.Op.converts() {
			limits[unix.RLIMIT_DATA] = uint64(req.Memory)
		}
	}
	for which, most := range limits {
		var now unix.Rlimit
		if err := unix.Getrlimit(which, &now); err != nil {
			return fmt.Errorf("read limit %d: %w", which, err)
		}
		most = min(most, now.Max) // the worker's own may be lower
		// When both values are the same, the kernel kills the job without a warning signal,
		// which it could not use.
		if err := unix.Setrlimit(which, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("set limit %d: %w", which, err)
		}
	}
	return beNice()
}

// beNice lets everything else go first. A service may run nicer than a job has to be, as
// with Nice= of systemd: then the job stays so, since a step back takes a privilege.
func beNice() error {
	now, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err == nil && 20-now >= niceness { // the kernel counts from 40 down to 1
		return nil
	}
	if err == nil {
		err = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness)
	}
	if err != nil {
		return fmt.Errorf("be nice: %w", err)
	}
	return nil
}

// What ffmpeg reads besides its own file: libraries, and a shell where a script wraps it.
var readable = []string{
	"/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64",
	"/bin", "/usr/bin", "/nix/store", "/gnu/store",
}

// confine gives up everything but the open descriptors. It goes as far as the kernel can,
// and reports whether that is all the way. A kernel that lacks a part is no reason to
// decode in the worker instead.
func confine(req request) (whole bool) {
	var grants []grant
	if req.Op.converts() {
		for _, path := range readable {
			grants = append(grants, grant{path, mayRead})
		}
		grants = append(grants, grant{req.Program, mayRead},
			grant{"/etc/ld.so.cache", mayRead}, grant{"/dev/null", mayRead | ll.AccessFSWriteFile})
	}
	whole = landlock(grants) == nil
	filters := policies(req.Op)
	for _, policy := range filters {
		filter := seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy}
		whole = seccomp.LoadFilter(filter) == nil && whole
	}
	return whole && len(filters) > 0
}

// refused are the system calls that no job needs.
var refused = []string{
	// the network, and other ways to somebody else
	"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg",
	"shmget", "shmat", "shmctl", "semget", "semctl", "semop", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl",
	"mq_open", "mq_unlink",
	// other processes, and new ones
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "pidfd_open",
	"pidfd_getfd", "pidfd_send_signal", "kcmp",
	"tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "fork", "vfork", "setns", "unshare", "migrate_pages", "move_pages",
	// the machine
	"mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
	"mount_setattr",
	"open_by_handle_at", "name_to_handle_at", "fanotify_init", "quotactl", "quotactl_fd", "swapon", "swapoff",
	"reboot", "acct", "syslog",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "iopl", "ioperm",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "vhangup",
	// the parts of the kernel in which many holes were found
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"keyctl", "add_key", "request_key", "memfd_create", "memfd_secret", "personality", "modify_ldt",
	"lookup_dcookie", "uselib",
}

// refusedToImages are calls that our own code does not need either, once it runs.
var refusedToImages = []string{"open", "openat", "openat2", "creat", "execve", "execveat"}

// absent is a call whose flags are in memory, where no filter can look. It fails as if the
// kernel did not have it, so that a C library falls back to clone.
const (
	absent   = "clone3"
	notThere = seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)
)

// policies allow the system calls that the library knows, without the calls above, and
// some of them for this process only. All policies are in force together. The first one
// allows calls by name and refuses the rest, so it also refuses calls by the numbers of
// another architecture. Each condition has a filter of its own: once a filter of the
// library has looked at an argument, it no longer knows the number of the call.
func policies(op operation) []seccomp.Policy {
	names := slices.Clone(refused)
	if !op.converts() {
		names = append(names, refusedToImages...)
	}
	known, err := arch.GetInfo("")
	if err != nil {
		return nil // an architecture that the library cannot filter
	}
	var allowed []string
	for name := range known.SyscallNames {
		if name != absent && !slices.Contains(names, name) {
			allowed = append(allowed, name)
		}
	}
	slices.Sort(allowed)
	all := []seccomp.Policy{{DefaultAction: seccomp.ActionErrno, Syscalls: []seccomp.SyscallGroup{
		{Action: notThere, Names: []string{absent}}, {Action: seccomp.ActionAllow, Names: allowed},
	}}}
	self := uint64(os.Getpid())
	for call, refused := range map[string]seccomp.ArgumentConditions{
		"kill":      {{Argument: 0, Operation: seccomp.NotEqual, Value: self}},
		"tgkill":    {{Argument: 0, Operation: seccomp.NotEqual, Value: self}},
		"prlimit64": {{Argument: 0, Operation: seccomp.NotEqual, Value: 0}, {Argument: 0, Operation: seccomp.NotEqual, Value: self}},
		// The kernel's data limit does not count shared memory.
		"mmap": {
			{Argument: 3, Operation: seccomp.BitsSet, Value: unix.MAP_SHARED},
			{Argument: 3, Operation: seccomp.BitsSet, Value: unix.MAP_ANONYMOUS},
		},
		// A job may make threads, but no processes.
		"clone": {{Argument: 0, Operation: seccomp.BitsNotSet, Value: unix.CLONE_THREAD}},
	} {
		all = append(all, seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: []seccomp.SyscallGroup{
			{Action: seccomp.ActionErrno, NamesWithCondtions: []seccomp.NameWithConditions{{Name: call, Conditions: refused}}},
		}})
	}
	return all
}
