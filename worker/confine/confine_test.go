package confine

import (
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

func TestHeldSaysWhatHolds(t *testing.T) {
	for want, held := range map[string]Held{
		"none":                       {},
		"none seccomp uid":           {Seccomp: true, UID: true},
		"landlock:3 seccomp":         {Landlock: 3, Seccomp: true},
		"landlock:7 net seccomp uid": {Landlock: 7, Net: true, Seccomp: true, UID: true},
	} {
		t.Run(want, func(t *testing.T) {
			if got := held.String(); got != want {
				t.Errorf("says %q", got)
			}
		})
	}
}

// machine is what decides about a system call: the filters, run as the kernel
// does, of which the strictest counts.
type machine struct {
	info    *arch.Info
	filters []*bpf.VM
}

func newMachine(t *testing.T, policies []seccomp.Policy, err error) machine {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	m := machine{}
	if m.info, err = arch.GetInfo(""); err != nil {
		t.Fatal(err)
	}
	for _, p := range policies {
		program, err := p.Assemble()
		if err != nil {
			t.Fatal(err)
		}
		vm, err := bpf.NewVM(program)
		if err != nil {
			t.Fatal(err)
		}
		m.filters = append(m.filters, vm)
	}
	return m
}

// decide returns 0 for a call that is allowed, else its error.
func (m machine) decide(t *testing.T, abi uint32, nr int, args ...uint64) unix.Errno {
	t.Helper()
	// The interpreter reads as the network does, the kernel as the machine does:
	// each half of an argument is where the machine has it.
	data := binary.BigEndian.AppendUint32(nil, uint32(nr))
	data = binary.BigEndian.AppendUint32(data, abi)
	data = append(data, make([]byte, 8)...) // the instruction's address
	for i := range 6 {
		var arg uint64
		if i < len(args) {
			arg = args[i]
		}
		data = binary.BigEndian.AppendUint32(data, uint32(arg))
		data = binary.BigEndian.AppendUint32(data, uint32(arg>>32))
	}
	strictest := uint32(seccomp.ActionAllow)
	for _, vm := range m.filters {
		n, err := vm.Run(data)
		if err != nil {
			t.Fatal(err)
		}
		strictest = min(strictest, uint32(n))
	}
	switch seccomp.Action(strictest) &^ 0xffff {
	case seccomp.ActionAllow:
		return 0
	case seccomp.ActionErrno:
		return unix.Errno(strictest & 0xffff)
	}
	t.Fatalf("the filters say %#x", strictest)
	return 0
}

func TestSystemCalls(t *testing.T) {
	policies, err := confining()
	m := newMachine(t, policies, err)
	call := func(t *testing.T, name string, args ...uint64) unix.Errno {
		t.Helper()
		nr, ok := m.info.SyscallNames[name]
		if !ok {
			t.Skipf("%s has no call %s", m.info.Name, name)
		}
		return m.decide(t, uint32(m.info.ID), nr, args...)
	}
	const high = 1 << 32 // what the kernel does not look at where it wants an int
	for _, tc := range []struct {
		why  string
		name string
		args []uint64
		want unix.Errno
	}{
		{"a file", "openat", nil, 0},
		{"a thread", "clone", []uint64{unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_SIGHAND}, 0},
		{"a process", "clone", []uint64{unix.CLONE_VFORK | unix.CLONE_VM | unix.CLONE_PIDFD | uint64(unix.SIGCHLD)}, 0},
		{"a user namespace", "clone", []uint64{unix.CLONE_NEWUSER | uint64(unix.SIGCHLD)}, unix.EPERM},
		{"a network namespace", "clone", []uint64{unix.CLONE_NEWNET}, unix.EPERM},
		{"flags that cannot be seen", "clone3", nil, unix.ENOSYS},
		{"tcp", "socket", []uint64{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK, unix.IPPROTO_TCP}, 0},
		{"tcp of IPv6", "socket", []uint64{unix.AF_INET6, unix.SOCK_STREAM | unix.SOCK_CLOEXEC, 0}, 0},
		{"udp", "socket", []uint64{unix.AF_INET, unix.SOCK_DGRAM | unix.SOCK_NONBLOCK, unix.IPPROTO_UDP}, 0},
		{"unix", "socket", []uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, 0},
		{"routes", "socket", []uint64{unix.AF_NETLINK, unix.SOCK_RAW | unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE}, 0},
		{"raw", "socket", []uint64{unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP}, unix.EPERM},
		{"raw tcp", "socket", []uint64{unix.AF_INET6, unix.SOCK_RAW | unix.SOCK_CLOEXEC, unix.IPPROTO_TCP}, unix.EPERM},
		{"multipath tcp", "socket", []uint64{unix.AF_INET, unix.SOCK_STREAM, 262}, unix.EPERM},
		{"sctp", "socket", []uint64{unix.AF_INET, unix.SOCK_SEQPACKET, unix.IPPROTO_SCTP}, unix.EPERM},
		{"sctp as a stream", "socket", []uint64{unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_SCTP}, unix.EPERM},
		{"packets", "socket", []uint64{unix.AF_PACKET, unix.SOCK_RAW, 3}, unix.EPERM},
		{"smc", "socket", []uint64{unix.AF_SMC, unix.SOCK_STREAM, 0}, unix.EPERM},
		{"vsock", "socket", []uint64{unix.AF_VSOCK, unix.SOCK_STREAM, 0}, unix.EPERM},
		{"the kernel's crypto", "socket", []uint64{unix.AF_ALG, unix.SOCK_SEQPACKET, 0}, unix.EPERM},
		{"audit", "socket", []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT}, unix.EPERM},
		{"netfilter", "socket", []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER}, unix.EPERM},
		{"a family above its int", "socket", []uint64{high | unix.AF_PACKET, unix.SOCK_RAW, 3}, unix.EPERM},
		{"a known family above its int", "socket", []uint64{high | unix.AF_INET, unix.SOCK_RAW, 1}, unix.EPERM},
		{"a protocol above its int", "socket", []uint64{unix.AF_INET, unix.SOCK_STREAM, high | 262}, unix.EPERM},
		{"a type above its int", "socket", []uint64{unix.AF_INET, high | unix.SOCK_RAW, 0}, unix.EPERM},
		{"sending", "sendto", []uint64{3, 0, 0, unix.MSG_NOSIGNAL}, 0},
		{"connecting by sending", "sendto", []uint64{3, 0, 0, unix.MSG_FASTOPEN}, unix.EPERM},
		{"the same by a message", "sendmsg", []uint64{3, 0, unix.MSG_FASTOPEN | unix.MSG_NOSIGNAL}, unix.EPERM},
		{"the same by messages", "sendmmsg", []uint64{3, 0, 1, unix.MSG_FASTOPEN}, unix.EPERM},
		{"asking for a lock", "fcntl", []uint64{3, unix.F_GETLK}, 0},
		{"flags of a file", "fcntl", []uint64{3, unix.F_SETFL}, 0},
		{"a lock", "fcntl", []uint64{3, unix.F_SETLK}, unix.EPERM},
		{"a lock that waits", "fcntl", []uint64{3, unix.F_SETLKW}, unix.EPERM},
		{"a lock of the descriptor", "fcntl", []uint64{3, unix.F_OFD_SETLK}, unix.EPERM},
		{"a lock above its int", "fcntl", []uint64{3, high | unix.F_SETLK}, unix.EPERM},
		{"own limits", "prlimit64", []uint64{0, unix.RLIMIT_NOFILE}, 0},
		{"another's limits", "prlimit64", []uint64{4711, unix.RLIMIT_NOFILE}, unix.EPERM},
		{"own priority", "setpriority", []uint64{unix.PRIO_PROCESS, 0, 19}, 0},
		{"another's priority", "setpriority", []uint64{unix.PRIO_PROCESS, 4711, 19}, unix.EPERM},
		{"the user's priority", "setpriority", []uint64{unix.PRIO_USER, 0, 19}, unix.EPERM},
		{"binding, before the seal", "bind", nil, 0},
	} {
		t.Run(tc.name+" "+tc.why, func(t *testing.T) {
			if got := call(t, tc.name, tc.args...); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	for _, name := range refused {
		t.Run("never "+name, func(t *testing.T) {
			if got := call(t, name); got != unix.EPERM {
				t.Errorf("got %v", got)
			}
		})
	}
	t.Run("numbers of the future", func(t *testing.T) {
		next := slices.Max(slices.Collect(maps.Values(m.info.SyscallNames))) + 1
		if got := m.decide(t, uint32(m.info.ID), next); got == 0 {
			t.Error("allowed")
		}
	})
	t.Run("calls of 32-bit programs", func(t *testing.T) {
		for _, other := range []*arch.Info{arch.I386, arch.ARM} {
			for name, nr := range other.SyscallNames {
				if got := m.decide(t, uint32(other.ID), nr); got == 0 {
					t.Fatalf("%s of %s is allowed", name, other.Name)
				}
			}
		}
	})
	t.Run("calls of x32", func(t *testing.T) {
		if m.info.ID != arch.X86_64.ID {
			t.Skip("only amd64 has them")
		}
		if got := m.decide(t, uint32(m.info.ID), arch.X32.SeccompMask|m.info.SyscallNames["ptrace"]); got == 0 {
			t.Error("allowed")
		}
	})
	t.Run("sealed", func(t *testing.T) {
		after, err := sealing()
		m := newMachine(t, append(policies, after...), err)
		for _, name := range []string{"bind", "listen"} {
			if got := m.decide(t, uint32(m.info.ID), m.info.SyscallNames[name]); got != unix.EPERM {
				t.Errorf("%s: %v", name, got)
			}
		}
	})
}

// Both machines that the product runs on know every refused call, or do not have
// it: no name is misspelt.
func TestRefusedCallsExist(t *testing.T) {
	for _, name := range slices.Concat(refused, unknown) {
		known := false
		for _, info := range []*arch.Info{arch.X86_64, arch.AARCH64, arch.I386, arch.ARM} {
			_, has := info.SyscallNames[name]
			known = known || has
		}
		if !known {
			t.Errorf("no machine has a call %s", name)
		}
	}
	for _, info := range []*arch.Info{arch.X86_64, arch.AARCH64} {
		for _, name := range []string{"ptrace", "mount", "bpf", "keyctl", "unshare", "setns", "io_uring_setup", "clone", "clone3", "socket", "fcntl", "prlimit64", "bind", "listen"} {
			if _, has := info.SyscallNames[name]; !has {
				t.Errorf("%s has no call %s", info.Name, name)
			}
		}
	}
}

func TestNameServers(t *testing.T) {
	dir := t.TempDir()
	copied := filepath.Join(dir, ResolverCopy)
	text := "# made by nobody\nsearch example.org\nnameserver 192.0.2.1\nnameserver nonsense\nnameserver fe80::1%eth0\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n"
	if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	readable, absent := filepath.Join(dir, "system"), filepath.Join(dir, "absent")
	if err := os.WriteFile(readable, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ why, system, address, want string }{
		{"the system's may be read", readable, "198.51.100.1:53", "198.51.100.1:53"},
		{"the system has none", absent, "127.0.0.1:53", "127.0.0.1:53"},
	} {
		t.Run(tc.why, func(t *testing.T) {
			if got := nameServer(tc.system, copied, tc.address); got != tc.want {
				t.Errorf("asks %s", got)
			}
		})
	}
	if got, want := nameServers(copied), []string{"192.0.2.1", "fe80::1%eth0", "192.0.2.3"}; !slices.Equal(got, want) {
		t.Errorf("servers %q, want %q", got, want)
	}
}
