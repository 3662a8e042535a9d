package media

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// ErrMissing is returned for a blob that is not, or no longer, on the host.
var ErrMissing = errors.New("no such media")

// Blob says where an encrypted body lies and how to open it: the fields a message or a
// history notification carries about its attachment.
type Blob struct {
	URL        string // empty until the host knows its name
	DirectPath string // always holds a '?', because clients append their parameters with '&'
	Key        []byte // 32 bytes
	SHA256     []byte // of the plaintext
	EncSHA256  []byte // of the body on the host
	Length     uint64 // of the plaintext in bytes
}

// Host keeps bodies by path, large ones in files. Its zero value is ready to use and holds nothing; all methods
// may be called at the same time.
type Host struct {
	mu       sync.RWMutex
	hostname string
	bodies   map[string]body
	expired  map[string]body
	refusal  int
}

// SetHostname names the host ("127.0.0.1:port") for the URLs of blobs that phones put there.
func (h *Host) SetHostname(hostport string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hostname = hostport
}

// Put encrypts plaintext, stores the body and tells where it lies.
func (h *Host) Put(kind Kind, plaintext []byte) (Blob, error) {
	key, body, err := Encrypt(kind, plaintext)
	if err != nil {
		return Blob{}, err
	}
	sum, encSum := sha256.Sum256(plaintext), sha256.Sum256(body)
	path := "/mms/" + kind.path() + "/" + token(encSum[:])
	h.store(path, inMemory(body))
	return Blob{
		URL:        h.url(path),
		DirectPath: direct(path),
		Key:        key,
		SHA256:     sum[:],
		EncSHA256:  encSum[:],
		Length:     uint64(len(plaintext)),
	}, nil
}

// PutPlain stores a file as it is, as channels have theirs, and tells where it lies. The blob
// has no key and no sum of an encrypted body.
func (h *Host) PutPlain(kind Kind, plaintext []byte) Blob {
	sum := sha256.Sum256(plaintext)
	path := "/newsletter/newsletter-" + kind.path() + "/" + token(sum[:])
	h.store(path, inMemory(slices.Clone(plaintext)))
	return Blob{URL: h.url(path), DirectPath: direct(path), SHA256: sum[:], Length: uint64(len(plaintext))}
}

// Get returns the body that a direct path names; ErrMissing when it is not there.
func (h *Host) Get(directPath string) ([]byte, error) {
	path := pathOf(directPath)
	body, ok := h.load(path)
	if !ok {
		return nil, fmt.Errorf("get %s: %w", path, ErrMissing)
	}
	return body.all()
}

// Expire takes a body off the host as if its time were over, but lets Revive bring it back.
// It reports whether the body was there.
func (h *Host) Expire(directPath string) bool {
	path := pathOf(directPath)
	h.mu.Lock()
	defer h.mu.Unlock()
	b, ok := h.bodies[path]
	if !ok {
		return false
	}
	if h.expired == nil {
		h.expired = make(map[string]body)
	}
	h.expired[path] = b
	delete(h.bodies, path)
	return true
}

// Revive puts an expired body back, as a phone does when it uploads its own copy again. It
// reports whether the body is on the host afterwards.
func (h *Host) Revive(directPath string) bool {
	path := pathOf(directPath)
	h.mu.Lock()
	defer h.mu.Unlock()
	if body, ok := h.expired[path]; ok {
		h.bodies[path] = body
		delete(h.expired, path)
	}
	_, ok := h.bodies[path]
	return ok
}

// Remove forgets the body under a direct path and reports whether it was there.
func (h *Host) Remove(directPath string) bool {
	path := pathOf(directPath)
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.bodies[path]
	delete(h.bodies, path)
	return ok
}

// Refuse makes every request fail with an HTTP status until it is called with 0.
func (h *Host) Refuse(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refusal = status
}

// Len returns how many bodies the host holds.
func (h *Host) Len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.bodies)
}

func (h *Host) store(path string, b body) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.bodies == nil {
		h.bodies = make(map[string]body)
	}
	h.bodies[path] = b
}

func (h *Host) load(path string) (body, bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	b, ok := h.bodies[path]
	return b, ok
}

func (h *Host) url(path string) string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.hostname == "" {
		return ""
	}
	return "https://" + h.hostname + direct(path)
}

func direct(path string) string { return path + "?ccb=wasim" }

// token is the name of a body: clients write it with padding or without, so it is kept without.
func token(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum) }

func pathOf(directPath string) string {
	path, _, _ := strings.Cut(directPath, "?")
	return canonical(path)
}

func canonical(path string) string {
	if unescaped, err := url.PathUnescape(path); err == nil {
		path = unescaped
	}
	return strings.TrimRight(path, "=")
}
