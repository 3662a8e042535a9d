package confine

import (
	"fmt"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"github.com/rs/zerolog"
)

// None is the first word of Held where the kernel has no Landlock.
const None = "none"

// netABI is the first version of Landlock that knows TCP ports.
const netABI = 4

// Settings say what this worker needs beyond the needs of all workers.
type Settings struct {
	RunDir string   // may be read and written, with all below it
	Dirs   []string // further directories that may be read; missing ones are left out
	Ports  []uint16 // of TCP, that connections may go to, besides DNS
}

// Held says which limits are in force. It is complete after Seal.
type Held struct {
	Landlock int  // the kernel's version of it; 0: none
	Net      bool // TCP is limited to the ports
	Seccomp  bool
	UID      bool // the process runs as another user than the manager; set by the caller
}

// String is the text that an instance shows: landlock:<version> or none, and then the
// other limits, as in "landlock:7 net seccomp uid".
func (h Held) String() string {
	words := []string{None}
	if h.Landlock > 0 {
		words[0] = fmt.Sprintf("landlock:%d", h.Landlock)
	}
	for _, part := range []struct {
		holds bool
		word  string
	}{{h.Net, "net"}, {h.Seccomp, "seccomp"}, {h.UID, "uid"}} {
		if part.holds {
			words = append(words, part.word)
		}
	}
	return strings.Join(words, " ")
}

// Apply confines the process with all its threads and the programs that it will execute.
// It cannot be undone. Drop has to come before. Files that are open already stay open,
// among them the log and the manager's lock.
func Apply(s Settings, log zerolog.Logger) Held {
	var held Held
	if err := restrict(s, &held); err != nil {
		log.Warn().Err(err).Msg("worker is not confined by Landlock")
	} else if !held.Net {
		log.Warn().Int("landlock", held.Landlock).
			Msg("the kernel's Landlock does not know ports: the network stays open to the worker")
	}
	if err := filter(confining()); err != nil {
		log.Warn().Err(err).Msg("worker may make all system calls")
	} else {
		held.Seccomp = true
	}
	log.Info().Str("confinement", held.String()).Msg("worker is confined to its run directory")
	return held
}

func restrict(s Settings, held *Held) error {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return fmt.Errorf("the kernel has no Landlock: version %d, %w", abi, err)
	}
	// Later versions restrict things that nobody has tried here yet.
	if err := landlock.V7.BestEffort().Restrict(append(files(s), ports(s)...)...); err != nil {
		return err
	}
	held.Landlock, held.Net = abi, abi >= netABI
	return nil
}

// Seal takes away binding and listening, which a worker needs only until its sockets are
// open. Otherwise it could take the abstract socket name of another instance's worker,
// and so keep that from starting.
func (h Held) Seal(log zerolog.Logger) {
	if !h.Seccomp {
		return
	}
	if err := filter(sealing()); err != nil {
		log.Warn().Err(err).Msg("worker may open further sockets")
	}
}
