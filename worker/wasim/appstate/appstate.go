// Package appstate keeps the app state of one account as the server has it: five
// collections of patches, which it numbers and need not read. It refuses a patch
// that does not build on the current version. It knows no keys and no devices.
package appstate

import (
	"fmt"
	"sync"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"
)

// patchPage is how many patches one answer carries.
const patchPage = 50

// Store is the collections of one account. Its zero value is empty. All methods
// may be called at the same time.
type Store struct {
	mu          sync.Mutex
	seeded      bool
	collections map[string]*collection
}

// collection is one collection: patches[i] has version i+1.
type collection struct {
	patches [][]byte
}

func (c *collection) version() uint64 { return uint64(len(c.patches)) }

// Seed stores the first patches, by collection, before the first companion syncs:
// a collection fetched at version 0 would hide the events of its first change. It
// asks for the patches once; if that fails, the next call asks again.
func (s *Store) Seed(first func() (map[string][]byte, error)) error {
	s.mu.Lock()
	seeded := s.seeded
	s.seeded = true
	s.mu.Unlock()
	if seeded {
		return nil
	}
	patches, err := first()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.seeded = false
		return fmt.Errorf("seed app state: %w", err)
	}
	for name, patch := range patches {
		c := s.collection(name)
		c.patches = append(c.patches, patch)
	}
	return nil
}

// collection returns a collection, made when missing. The caller holds s.mu.
func (s *Store) collection(name string) *collection {
	if s.collections == nil {
		s.collections = make(map[string]*collection)
	}
	c := s.collections[name]
	if c == nil {
		c = &collection{}
		s.collections[name] = c
	}
	return c
}

// Version is the version of a collection, 0 before its first patch.
func (s *Store) Version(name string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.collections[name]; c != nil {
		return c.version()
	}
	return 0
}

// Patch is the patch of a collection that made a version. The version exists.
func (s *Store) Patch(name string, version uint64) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.collection(name).patches[version-1]
}

// Fetch answers a query for the patches of a collection after a version.
func (s *Store) Fetch(name string, base uint64) waBinary.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.collection(name)
	base = min(base, c.version())
	end := min(base+patchPage, c.version())
	attrs := waBinary.Attrs{"name": name, "version": end}
	if end < c.version() {
		attrs["has_more_patches"] = true
	}
	return waBinary.Node{Tag: "collection", Attrs: attrs, Content: patchNodes(c.patches[base:end])}
}

func patchNodes(patches [][]byte) []waBinary.Node {
	if len(patches) == 0 {
		return nil
	}
	nodes := make([]waBinary.Node, len(patches))
	for i, patch := range patches {
		nodes[i] = waBinary.Node{Tag: "patch", Content: patch}
	}
	return []waBinary.Node{{Tag: "patches", Content: nodes}}
}

// Append stores a patch that builds on the current version and answers with the
// new one. For another base it answers like Conflict, and the version is 0.
func (s *Store) Append(name string, base uint64, raw []byte) (answer waBinary.Node, version uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.collection(name)
	if base != c.version() {
		return c.conflict(name, base), 0, nil
	}
	// Clients leave the version out of what they send and want it in what they get.
	var patch waServerSync.SyncdPatch
	if err = proto.Unmarshal(raw, &patch); err != nil {
		return answer, 0, err
	}
	version = base + 1
	patch.Version = &waServerSync.SyncdVersion{Version: &version}
	stored, err := proto.Marshal(&patch)
	if err != nil {
		return answer, 0, err
	}
	c.patches = append(c.patches, stored)
	return waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": name, "version": version}}, version, nil
}

// Conflict answers a patch that is refused, with the patches after its base.
func (s *Store) Conflict(name string, base uint64) waBinary.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.collection(name).conflict(name, base)
}

func (c *collection) conflict(name string, base uint64) waBinary.Node {
	missing := []waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{"code": 409, "text": "conflict"}}}
	attrs := waBinary.Attrs{"name": name, "type": "error", "version": c.version()}
	missing = append(missing, patchNodes(c.patches[min(base, c.version()):])...)
	return waBinary.Node{Tag: "collection", Attrs: attrs, Content: missing}
}
