package takeover_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// kernel asks for what no worker needs. The arguments are such that the kernel
// would refuse nearly all of it for another reason, so nothing happens to the
// host when a filter is missing.
func kernel(own string, try func(string, error)) {
	bad := ^uintptr(0)
	for name, call := range map[string][4]uintptr{
		"mount":             {unix.SYS_MOUNT, 0, 0, 0},
		"umount":            {unix.SYS_UMOUNT2, 0, 0},
		"pivot_root":        {unix.SYS_PIVOT_ROOT, 0, 0},
		"chroot":            {unix.SYS_CHROOT, 0},
		"fsopen":            {unix.SYS_FSOPEN, 0, bad},
		"open_tree":         {unix.SYS_OPEN_TREE, bad, 0, bad},
		"unshare user":      {unix.SYS_UNSHARE, unix.CLONE_NEWUSER},
		"setns":             {unix.SYS_SETNS, bad, 0},
		"clone3":            {unix.SYS_CLONE3, 0, 0},
		"keyctl":            {unix.SYS_KEYCTL, 0, bad, 0}, // KEYCTL_GET_KEYRING_ID of the user's
		"add_key":           {unix.SYS_ADD_KEY, 0, 0, 0},
		"request_key":       {unix.SYS_REQUEST_KEY, 0, 0, 0},
		"bpf":               {unix.SYS_BPF, bad, 0, 0},
		"io_uring_setup":    {unix.SYS_IO_URING_SETUP, 1, 0},
		"perf_event_open":   {unix.SYS_PERF_EVENT_OPEN, 0, 0, 0},
		"userfaultfd":       {unix.SYS_USERFAULTFD, bad},
		"init_module":       {unix.SYS_INIT_MODULE, 0, 0, 0},
		"finit_module":      {unix.SYS_FINIT_MODULE, bad, 0, 0},
		"kexec_load":        {unix.SYS_KEXEC_LOAD, 0, bad, 0},
		"reboot":            {unix.SYS_REBOOT, 0, 0, 0},
		"swapon":            {unix.SYS_SWAPON, 0, 0},
		"acct":              {unix.SYS_ACCT, 1},
		"quotactl":          {unix.SYS_QUOTACTL, bad, 0, 0},
		"settimeofday":      {unix.SYS_SETTIMEOFDAY, 1, 0},
		"clock_settime":     {unix.SYS_CLOCK_SETTIME, 0, 0},
		"personality":       {unix.SYS_PERSONALITY, 0xffffffff},
		"open_by_handle_at": {unix.SYS_OPEN_BY_HANDLE_AT, bad, 0, 0},
		"fanotify_init":     {unix.SYS_FANOTIFY_INIT, bad, 0},
		"shmget":            {unix.SYS_SHMGET, 1, 0, 0},
		"mq_open":           {unix.SYS_MQ_OPEN, 0, 0, 0},
		"syslog":            {unix.SYS_SYSLOG, 10, 0, 0},
	} {
		_, _, errno := unix.Syscall(call[0], call[1], call[2], call[3])
		try("call "+name, result(errno))
	}
	child := exec.Command("/bin/true")
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET}
	try("child in namespaces of its own", child.Run())
	lock, err := os.OpenFile(filepath.Join(own, "somelock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = unix.FcntlFlock(lock.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_RDLCK})
		lock.Close()
	}
	try("lock of a file", err)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err = unix.Capget(&header, &data[0]); err == nil &&
		(data[0].Permitted|data[0].Effective|data[0].Inheritable|data[1].Permitted|data[1].Effective) == 0 {
		err = unix.EPERM
	}
	try("capabilities", err)
	_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), 0,
		^uintptr(0)) // this thread's only, and to what it is when it is root
	try("become root", result(errno))
}
