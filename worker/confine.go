package worker

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// harden gives up for good what a worker never needs: files that others may
// open, privileges of programs that it would execute, and core dumps, which
// would hold keys and messages.
//
// The process stays "dumpable": otherwise its /proc files would belong to root,
// and who runs the manager as a user of its own could no longer see the
// workers' PSS, descriptors and environment. Confined workers cannot look at
// each other there anyway.
func harden() error {
	unix.Umask(0o077) // go-plugin makes the socket with what it finds
	// 0 would still let the kernel pipe a dump to a program (core(5)); 1 is too
	// small for a file, and the kernel's own word for "no pipe either".
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := ll.AllThreadsPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	return nil
}

// What a confined worker may read, and execute there: libraries, certificates,
// time zones, MIME types, ffmpeg where packages put it. /etc is among them as a
// whole because resolv.conf is replaced, not rewritten, when the network changes,
// and a permission is for the file that was there at the time.
var readable = []string{
	"/etc", "/bin", "/lib", "/lib32", "/lib64", "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/share",
	"/usr/local/bin", "/usr/local/lib", "/usr/local/lib64", "/usr/local/share", "/nix/store", "/gnu/store", "/var/lib/ca-certificates",
}

var devices = []string{"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}

const unconfined = "none"

// confine keeps the process, and what it executes, from files beyond its run
// directory, from processes that it did not start, and from abstract sockets of
// others, as far as the kernel's Landlock knows how. The log is open already;
// the network stays as it is, unix sockets with a name of a file among it (the
// database's may be anywhere, and can be made anew). A kernel without Landlock is reported and no
// reason to end: files' owners and modes still hold. It returns what Hello says of it.
func confine(runDir string, log zerolog.Logger) string {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		log.Warn().Msg("worker is not confined: the kernel has no Landlock")
		return unconfined
	}
	rules := []landlock.Rule{
		landlock.RWDirs(runDir), landlock.RWFiles(devices...).IgnoreIfMissing(),
		landlock.RODirs(readable...).IgnoreIfMissing(),
	}
	if resolver, err := filepath.EvalSymlinks("/etc/resolv.conf"); err == nil {
		if dir := filepath.Dir(resolver); !strings.HasPrefix(runDir, dir+"/") {
			rules = append(rules, landlock.RODirs(dir))
		} else {
			rules = append(rules, landlock.ROFiles(resolver))
		}
	}
	if ffmpeg, err := exec.LookPath("ffmpeg"); err == nil {
		rules = append(rules, landlock.ROFiles(ffmpeg).IgnoreIfMissing())
	}
	rights := landlock.V7
	rights.HandledAccessNet = 0
	if err := rights.BestEffort().Restrict(rules...); err != nil {
		log.Error().Err(err).Msg("worker is not confined")
		return unconfined
	}
	log.Info().Int("landlock", abi).Msg("worker is confined to its run directory")
	return fmt.Sprintf("landlock:%d", abi)
}
