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

// limit sets what the kernel holds the job to, and what it executes.
func limit(req request) error {
	limits := map[int]uint64{
		unix.RLIMIT_CPU:    req.CPU,
		unix.RLIMIT_NOFILE: maxDescriptors,
		unix.RLIMIT_FSIZE:  0, // the answer is a pipe
	}
	if !raceDetector { // which reserves more than any limit
		limits[unix.RLIMIT_DATA] = uint64(req.Memory) + idleReserve
		if req.Op.converts() {
			limits[unix.RLIMIT_DATA] = uint64(req.Memory)
			limits[unix.RLIMIT_AS] = uint64(req.Memory) + maxMemory // shared memory is no data
		}
	}
	for which, most := range limits {
		var now unix.Rlimit
		if err := unix.Getrlimit(which, &now); err != nil {
			return fmt.Errorf("read limit %d: %w", which, err)
		}
		most = min(most, now.Max) // the worker's own may be lower
		// With one value for both the kernel kills; a warning is for programs that can use it.
		if err := unix.Setrlimit(which, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("set limit %d: %w", which, err)
		}
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, niceness); err != nil {
		return fmt.Errorf("be nice: %w", err)
	}
	return nil
}

// What ffmpeg needs beside its own file: libraries, and a shell where it is
// wrapped in a script.
var readable = []string{
	"/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64",
	"/bin", "/usr/bin", "/nix/store", "/gnu/store",
}

// confine gives up everything but the descriptors that are open. It goes as far
// as the kernel can: what a kernel lacks is no reason to decode in the worker.
func confine(req request) {
	var grants []grant
	if req.Op.converts() {
		for _, path := range readable {
			grants = append(grants, grant{path, mayRead})
		}
		grants = append(grants, grant{req.Program, mayRead}, grant{"/etc/ld.so.cache", mayRead}, grant{"/dev/null", mayRead | ll.AccessFSWriteFile})
	}
	_ = landlock(grants)
	_ = seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy(req.Op)})
}

// refused are the system calls that no job needs.
var refused = []string{
	// the network, and other ways to somebody else
	"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg",
	"shmget", "shmat", "shmctl", "semget", "semctl", "semop", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink",
	// other processes, and new ones
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kcmp",
	"tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "fork", "vfork", "setns", "unshare", "migrate_pages", "move_pages",
	// the machine
	"mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
	"open_by_handle_at", "name_to_handle_at", "fanotify_init", "quotactl", "quotactl_fd", "swapon", "swapoff", "reboot", "acct", "syslog",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "iopl", "ioperm",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "vhangup",
	// what many holes of the kernel were in
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"keyctl", "add_key", "request_key", "memfd_create", "memfd_secret", "personality", "modify_ldt", "lookup_dcookie", "uselib",
}

// refusedToImages are those that our own code does not need either, once it runs.
var refusedToImages = []string{"open", "openat", "openat2", "creat", "execve", "execveat"}

// notThere is how a C library learns that it has to do without.
const notThere = seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)

// policy allows the system calls that the library knows, but for those above.
// It allows by name and refuses the rest, so that calls by another architecture's
// numbers are refused as well.
func policy(op operation) seccomp.Policy {
	names := slices.Clone(refused)
	if !op.converts() {
		names = append(names, refusedToImages...)
	}
	known, err := arch.GetInfo("")
	if err != nil {
		return seccomp.Policy{} // an architecture without filters; loading it fails
	}
	names = slices.DeleteFunc(names, func(name string) bool { _, there := known.SyscallNames[name]; return !there })
	self := uint64(os.Getpid())
	other := func(call string, argument uint32, itself uint64) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: call, Conditions: seccomp.ArgumentConditions{{Argument: argument, Operation: seccomp.NotEqual, Value: itself}}}
	}
	asked := []seccomp.NameWithConditions{
		other("kill", 0, self), other("tgkill", 0, self),
		{Name: "clone", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsNotSet, Value: unix.CLONE_THREAD}}},
		{Name: "prlimit64", Conditions: seccomp.ArgumentConditions{
			{Argument: 0, Operation: seccomp.NotEqual, Value: 0}, {Argument: 0, Operation: seccomp.NotEqual, Value: self},
		}},
	}
	var allowed []string
	for name := range known.SyscallNames {
		if name != "clone3" && !slices.Contains(names, name) {
			allowed = append(allowed, name)
		}
	}
	slices.Sort(allowed)
	return seccomp.Policy{DefaultAction: seccomp.ActionErrno, Syscalls: []seccomp.SyscallGroup{
		{Action: notThere, Names: []string{"clone3"}}, // its flags are in memory, where no filter looks
		{Action: seccomp.ActionErrno, Names: names, NamesWithCondtions: asked},
		{Action: seccomp.ActionAllow, Names: allowed},
	}}
}
