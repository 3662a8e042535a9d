package confine

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// refused are the system calls that a worker and its programs never make. They fail with
// EPERM.
var refused = []string{
	// They look into other processes or steer them.
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "pidfd_getfd",
	"migrate_pages", "move_pages", "get_robust_list", "perf_event_open",
	"sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr", "ioprio_set",
	// They make another view of the file system, or ways around paths.
	"mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr", "fsopen",
	"fsconfig", "fsmount", "fspick",
	"mount_setattr", "statmount", "listmount", "open_by_handle_at", "name_to_handle_at", "unshare", "setns",
	"fanotify_init", "fanotify_mark", "inotify_init", "inotify_init1", "inotify_add_watch", "quotactl",
	"quotactl_fd", "lookup_dcookie", "sysfs", "ustat",
	// Landlock does not cover these, and all workers may run as one user: one worker could
	// lock another out of its run directory.
	"chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat",
	"setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat",
	"utime", "utimes", "futimesat", "utimensat", "mknod", "mknodat",
	// They use things that all processes of a user share.
	"keyctl", "add_key", "request_key", "shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semtimedop", "semctl",
	"msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify",
	"mq_getsetattr",
	// They open large parts of the kernel, in which most holes were found.
	"bpf", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "vmsplice",
	// They change the machine.
	"init_module", "finit_module", "delete_module", "create_module", "query_module", "get_kernel_syms", "kexec_load",
	"kexec_file_load",
	"reboot", "swapon", "swapoff", "acct", "syslog", "vhangup", "sethostname", "setdomainname", "nfsservctl",
	"bdflush", "uselib", "_sysctl",
	"settimeofday", "stime", "clock_settime", "clock_settime64", "clock_adjtime", "clock_adjtime64", "adjtimex",
	"iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "personality", "set_mempolicy_home_node",
}

// Flags of clone that make namespaces, the user namespace among them.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

type rule = seccomp.NameWithConditions

func is(arg uint32, v uint64) seccomp.Condition {
	return seccomp.Condition{Argument: arg, Operation: seccomp.Equal, Value: v}
}

func isNot(arg uint32, v uint64) seccomp.Condition {
	return seccomp.Condition{Argument: arg, Operation: seccomp.NotEqual, Value: v}
}

func above(arg uint32, v uint64) seccomp.Condition {
	return seccomp.Condition{Argument: arg, Operation: seccomp.GreaterThan, Value: v}
}

func bits(arg uint32, v uint64) seccomp.Condition { // any of these bits is set
	return seccomp.Condition{Argument: arg, Operation: seccomp.BitsSet, Value: v}
}

// refusedWith are calls that are refused with certain arguments. All conditions of a row
// have to hold. Where the kernel wants an int, it looks at the lower half of a register
// only, but the filter looks at all of it. So some rows refuse arguments with an upper
// half.
var refusedWith = []rule{
	{Name: "clone", Conditions: seccomp.ArgumentConditions{bits(0, namespaces)}},
	// Families: unix, IPv4, IPv6, and the kernel's list of routes.
	{Name: "socket", Conditions: seccomp.ArgumentConditions{
		isNot(0, unix.AF_UNIX), isNot(0, unix.AF_INET), isNot(0, unix.AF_INET6), isNot(0, unix.AF_NETLINK),
	}},
	{Name: "socket", Conditions: seccomp.ArgumentConditions{is(0, unix.AF_NETLINK), isNot(2, unix.NETLINK_ROUTE)}},
	// Types: stream is 1 and datagram is 2. Raw has both bits, and higher types are not IP.
	{Name: "socket", Conditions: seccomp.ArgumentConditions{
		is(0, unix.AF_INET), bits(1, unix.SOCK_STREAM), bits(1, unix.SOCK_DGRAM),
	}},
	{Name: "socket", Conditions: seccomp.ArgumentConditions{
		is(0, unix.AF_INET6), bits(1, unix.SOCK_STREAM), bits(1, unix.SOCK_DGRAM),
	}},
	{Name: "socket", Conditions: seccomp.ArgumentConditions{isNot(0, unix.AF_UNIX), bits(1, 0xc)}},
	// Protocols: Landlock does not check the ports of multipath TCP and SCTP.
	{Name: "socket", Conditions: seccomp.ArgumentConditions{
		isNot(0, unix.AF_UNIX), isNot(2, 0), isNot(2, unix.IPPROTO_TCP), isNot(2, unix.IPPROTO_UDP),
	}},
	// Landlock does not check the port of a connection that is made by sending, either.
	{Name: "sendto", Conditions: seccomp.ArgumentConditions{bits(3, unix.MSG_FASTOPEN)}},
	{Name: "sendmsg", Conditions: seccomp.ArgumentConditions{bits(2, unix.MSG_FASTOPEN)}},
	{Name: "sendmmsg", Conditions: seccomp.ArgumentConditions{bits(3, unix.MSG_FASTOPEN)}},
	// Locks on files that others need. The worker has its own lock already. A lock on the
	// manager's file would keep the next manager from starting.
	{Name: "fcntl", Conditions: seccomp.ArgumentConditions{is(1, unix.F_SETLK)}},
	{Name: "fcntl", Conditions: seccomp.ArgumentConditions{is(1, unix.F_SETLKW)}},
	{Name: "fcntl", Conditions: seccomp.ArgumentConditions{is(1, unix.F_OFD_SETLK)}},
	{Name: "fcntl", Conditions: seccomp.ArgumentConditions{is(1, unix.F_OFD_SETLKW)}},
	{Name: "fcntl", Conditions: seccomp.ArgumentConditions{is(1, unix.F_SETLEASE)}},
	{Name: "fcntl", Conditions: seccomp.ArgumentConditions{is(1, unix.F_NOTIFY)}},
	{Name: "fcntl", Conditions: seccomp.ArgumentConditions{above(1, 0xffffffff)}},
	// Limits and priorities of other processes of the user, or of all of them.
	{Name: "prlimit64", Conditions: seccomp.ArgumentConditions{isNot(0, 0)}},
	{Name: "setpriority", Conditions: seccomp.ArgumentConditions{isNot(0, unix.PRIO_PROCESS)}},
	{Name: "setpriority", Conditions: seccomp.ArgumentConditions{isNot(1, 0)}},
}

// unknown are calls that fail as if the kernel did not have them, so that programs fall
// back to an older call: the filter cannot look at the flags of clone3.
var unknown = []string{"clone3"}

const enosys = seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)

// confining are the filters of a confined process. Of stacked filters the kernel obeys
// the strictest.
//
// The first filter allows the system calls that the library knows for this machine,
// without the refused ones. So it also refuses calls of other ABIs (those of 32-bit
// programs have numbers of their own) and calls that the kernel will have in future. Each
// call that is refused with certain arguments has a filter of its own, because a filter of
// the library that has looked at arguments no longer knows which call it is.
func confining() ([]seccomp.Policy, error) {
	machine, err := arch.GetInfo("")
	if err != nil {
		return nil, fmt.Errorf("system calls of this machine: %w", err)
	}
	known := func(name string) bool { _, ok := machine.SyscallNames[name]; return ok }
	policies := []seccomp.Policy{allowAllBut(machine, slices.Concat(refused, unknown))}
	if absent := slices.DeleteFunc(slices.Clone(unknown), func(name string) bool { return !known(name) }); len(absent) > 0 {
		policies[0].Syscalls = append(policies[0].Syscalls, seccomp.SyscallGroup{Names: absent, Action: enosys})
	}
	asked := map[string][]rule{}
	for _, r := range refusedWith {
		if known(r.Name) {
			asked[r.Name] = append(asked[r.Name], r)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		policies = append(policies, seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls:      []seccomp.SyscallGroup{{NamesWithCondtions: asked[name], Action: seccomp.ActionErrno}},
		})
	}
	return policies, nil
}

// sealing are the filters of Seal, on top of those of confining.
func sealing() ([]seccomp.Policy, error) {
	return []seccomp.Policy{{
		DefaultAction: seccomp.ActionAllow,
		Syscalls:      []seccomp.SyscallGroup{{Names: []string{"bind", "listen"}, Action: seccomp.ActionErrno}},
	}}, nil
}

func allowAllBut(machine *arch.Info, names []string) seccomp.Policy {
	var allowed []string
	for name := range machine.SyscallNames {
		if !slices.Contains(names, name) {
			allowed = append(allowed, name)
		}
	}
	slices.Sort(allowed)
	return seccomp.Policy{
		DefaultAction: seccomp.ActionErrno, // EPERM
		Syscalls:      []seccomp.SyscallGroup{{Names: allowed, Action: seccomp.ActionAllow}},
	}
}

// filter puts the policies on all threads.
func filter(policies []seccomp.Policy, err error) error {
	if err != nil {
		return err
	}
	if !seccomp.Supported() {
		return errors.New("the kernel has no seccomp")
	}
	for _, p := range policies {
		if err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: p}); err != nil {
			return fmt.Errorf("load a filter: %w", err)
		}
	}
	// When a thread could not be included, the kernel says so in a way that the library
	// overlooks.
	if mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err != nil || mode != unix.SECCOMP_MODE_FILTER {
		return fmt.Errorf("load a filter: the process is in mode %d, %w", mode, err)
	}
	return nil
}
