package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/rs/zerolog"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/redact"
)

// ExitFailed is the exit code of an end that is neither asked for nor named in the
// contract with the manager. The last words say the reason.
const ExitFailed = 1

// Ending is how a worker comes to its end: the first who asks decides the reason. It
// is safe for concurrent use.
type Ending struct {
	runDir     string
	generation uint64
	asked      chan struct{}

	mu      sync.Mutex
	log     zerolog.Logger     // guarded by mu
	words   workerv1.LastWords // guarded by mu
	once    sync.Once
	written sync.Once
}

// NewEnding returns the ending of a worker that nobody has asked to end yet. It logs
// nothing before LogTo.
func NewEnding(runDir string, generation uint64) *Ending {
	return &Ending{runDir: runDir, generation: generation, asked: make(chan struct{}), log: zerolog.Nop()}
}

// LogTo sets where the ending is logged.
func (e *Ending) LogTo(log zerolog.Logger) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log = log
}

// Asked is closed at the first Ask.
func (e *Ending) Asked() <-chan struct{} { return e.asked }

// Ask asks the worker to end, for a reason and because of a cause, nil when the end is
// wished for. Only the first call counts.
func (e *Ending) Ask(reason string, cause error) {
	e.once.Do(func() {
		e.mu.Lock()
		e.words = workerv1.LastWords{Generation: e.generation, Reason: reason, Code: workerv1.ExitOK}
		if cause != nil {
			e.words.Detail, e.words.Code = redact.Text(cause.Error()), ExitFailed
			e.log.Error().Err(errors.New(e.words.Detail)).Str("reason", reason).Msg("worker must end")
		} else {
			e.log.Info().Str("reason", reason).Msg("worker ends")
		}
		e.mu.Unlock()
		close(e.asked)
	})
}

// WriteLastWords writes the reason into the run directory once, and returns the exit
// code.
func (e *Ending) WriteLastWords() int {
	e.mu.Lock()
	words, log := e.words, e.log
	e.mu.Unlock()
	e.written.Do(func() {
		if err := writeLastWords(e.runDir, words); err != nil {
			log.Error().Err(err).Msg("no last words")
		}
	})
	return words.Code
}

// writeLastWords puts the file in place in one step, so that a reader finds all of it
// or nothing.
func writeLastWords(runDir string, words workerv1.LastWords) error {
	raw, err := json.Marshal(words)
	if err != nil {
		return fmt.Errorf("encode last words: %w", err)
	}
	path := filepath.Join(runDir, workerv1.LastWordsFile)
	if err = os.WriteFile(path+".new", raw, 0o600); err != nil {
		return fmt.Errorf("write last words: %w", err)
	}
	if err = os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("publish last words: %w", err)
	}
	return nil
}
