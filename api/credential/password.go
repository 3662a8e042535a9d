package credential

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
)

// The second of OWASP's equivalent settings for argon2id: 19 MiB, two passes, one lane.
const (
	argonMemory  = 19 * 1024
	argonTime    = 2
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
)

// How many may wait for their turn. Strangers can fill a part of the places only,
// so that those who are known wait behind few.
const (
	placesOfStrangers = 16
	places            = 64
)

// ErrBusy is returned when too many wait for their turn already.
var ErrBusy = errors.New("too many passwords are being checked")

// Passwords hashes and verifies, a bounded number at a time, because each
// costs 19 MiB and tens of milliseconds of a core.
type Passwords struct {
	turns   chan struct{}
	waiting *atomic.Int64
	places  int64
	// decoy is verified against when there is no such user, so that the time
	// of an answer does not tell who has an account.
	decoy string
}

// NewPasswords returns a hasher that works on at most atOnce passwords at a time.
func NewPasswords(atOnce int) (*Passwords, error) {
	p := &Passwords{turns: make(chan struct{}, max(1, atOnce)), waiting: &atomic.Int64{}, places: places}
	//nolint:forbidigo // nobody waits yet: the decoy is made when the program starts
	decoy, err := p.Hash(context.Background(), rand.Text())
	if err != nil {
		return nil, err
	}
	p.decoy = decoy
	return p, nil
}

// ForStrangers returns the same hasher for those of whom nothing is known: it
// fails with ErrBusy when only few wait.
func (p *Passwords) ForStrangers() *Passwords {
	strangers := *p
	strangers.places = placesOfStrangers
	return &strangers
}

// Hash returns the password as a PHC string ($argon2id$v=19$…). It waits for
// its turn and fails when ctx ends before, or with ErrBusy.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	release, err := p.turn(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	salt := make([]byte, argonSalt)
	rand.Read(salt) // never fails: crypto/rand ends the program instead
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// Verify reports whether the password belongs to the hash. With an empty hash
// it takes as long and answers false.
func (p *Passwords) Verify(ctx context.Context, hash, password string) (bool, error) {
	absent := hash == ""
	if absent {
		hash = p.decoy
	}
	release, err := p.turn(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	var version int
	var memory, time uint32
	var threads uint8
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errors.New("read password hash: not an argon2id hash")
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &time, &threads); err != nil || version != argon2.Version || time < 1 || threads < 1 || memory > 1<<20 {
		return false, errors.New("read password hash: parameters out of range")
	}
	b64 := base64.RawStdEncoding
	salt, err := b64.DecodeString(parts[4])
	if err != nil {
		return false, errors.New("read password hash: bad salt")
	}
	want, err := b64.DecodeString(parts[5])
	if err != nil || len(want) == 0 {
		return false, errors.New("read password hash: bad key")
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1 && !absent, nil
}

func (p *Passwords) turn(ctx context.Context) (release func(), err error) {
	if p.waiting.Add(1) > p.places {
		p.waiting.Add(-1)
		return nil, ErrBusy
	}
	defer p.waiting.Add(-1)
	select {
	case p.turns <- struct{}{}:
		return func() { <-p.turns }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
}
