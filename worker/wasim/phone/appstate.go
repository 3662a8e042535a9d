package phone

import (
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"google.golang.org/protobuf/proto"
)

// CollectionPatch is one patch of an app-state collection as the server stores it.
type CollectionPatch struct {
	Name    string // one of the five collections
	Version uint64 // of the collection after the patch
	Patch   []byte // SyncdPatch protobuf with its version set
}

// appState is the phone's copy of the account's app state, made when the first companion
// is linked.
type appState struct {
	keyID       []byte // device number 2 bytes, epoch 4 bytes
	keyData     []byte
	keyTime     time.Time
	keys        mutationKeys
	collections map[string]*collection
	seeded      bool
}

// ownState makes the app-state key at the first use. The caller holds p.mu.
func (p *Phone) ownState() *appState {
	if p.state == nil {
		s := &appState{
			keyID: []byte{0, 0, 0, 0, 0, 1}, keyData: make([]byte, 32), keyTime: p.now(),
			collections: make(map[string]*collection, len(appstate.AllPatchNames)),
		}
		rand.Read(s.keyData)
		s.keys = expandMutationKeys(s.keyData)
		for _, name := range appstate.AllPatchNames {
			s.collections[string(name)] = &collection{}
		}
		p.state = s
	}
	return p.state
}

// Bootstrap returns the first patch of each of the five collections, for the server to store
// before the first companion fetches them. They hold the push name, the contacts and the chat
// settings of the History. A second call returns none.
func (p *Phone) Bootstrap() ([]CollectionPatch, error) {
	contacts := p.contactChanges()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.ownState()
	if s.seeded {
		return nil, nil
	}
	var out []CollectionPatch
	for _, name := range appstate.AllPatchNames {
		changes := p.seeds(name)
		if name == appstate.WAPatchCriticalUnblockLow {
			changes = contacts
		}
		c := s.collections[string(name)]
		patch, err := c.build(string(name), s.keyID, s.keys, changes)
		if err != nil {
			return nil, fmt.Errorf("seed %s: %w", name, err)
		}
		if err := c.commit(changes, c.advance(changes)); err != nil {
			return nil, fmt.Errorf("seed %s: %w", name, err)
		}
		patch.Version = &waServerSync.SyncdVersion{Version: proto.Uint64(c.version)}
		raw, err := proto.Marshal(patch)
		if err != nil {
			return nil, fmt.Errorf("marshal first patch of %s: %w", name, err)
		}
		out = append(out, CollectionPatch{Name: string(name), Version: c.version, Patch: raw})
	}
	s.seeded = true
	return out, nil
}

// ApplyPatch takes a patch that the server has stored, with its version set. The server calls
// it for every patch of every collection in the order of the versions; it ignores the
// patches that the phone already has (its own, and those of Bootstrap), and keeps a patch that
// comes too early until the earlier ones have arrived. It fails with ErrPatch when a MAC is
// wrong; then it changes nothing.
func (p *Phone) ApplyPatch(collection string, patch []byte) error {
	var parsed waServerSync.SyncdPatch
	if err := proto.Unmarshal(patch, &parsed); err != nil {
		return fmt.Errorf("parse patch of %s: %w", collection, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.ownState()
	c, ok := s.collections[collection]
	if !ok {
		return fmt.Errorf("apply patch: no collection %q", collection)
	}
	switch version := parsed.GetVersion().GetVersion(); {
	case version <= c.version:
		return nil
	case version > c.version+1:
		if c.early == nil {
			c.early = make(map[uint64]*waServerSync.SyncdPatch)
		}
		c.early[version] = &parsed
		return nil
	}
	for next := &parsed; next != nil; next = c.early[c.version+1] {
		if err := p.applyNext(collection, c, next); err != nil {
			return err
		}
		delete(c.early, c.version)
	}
	return nil
}

// applyNext applies the patch that follows the present version. The caller holds p.mu.
func (p *Phone) applyNext(name string, c *collection, patch *waServerSync.SyncdPatch) error {
	s, version := p.state, c.version+1
	if string(patch.GetKeyID().GetID()) != string(s.keyID) {
		return fmt.Errorf("apply %s v%d: unknown key: %w", name, version, ErrPatch)
	}
	changes, err := s.keys.read(s.keyID, patch)
	if err != nil {
		return fmt.Errorf("apply %s v%d: %w", name, version, err)
	}
	hash := c.advance(changes)
	if !hmac.Equal(patch.GetSnapshotMAC(), s.keys.sumSnapshot(hash, version, name)) {
		return fmt.Errorf("apply %s v%d: snapshot MAC: %w", name, version, ErrPatch)
	}
	if !hmac.Equal(patch.GetPatchMAC(), s.keys.sumPatch(patch, version, name)) {
		return fmt.Errorf("apply %s v%d: patch MAC: %w", name, version, ErrPatch)
	}
	if err := c.commit(changes, hash); err != nil {
		return fmt.Errorf("apply %s v%d: %w", name, version, err)
	}
	for _, ch := range changes {
		if name := ch.value.GetPushNameSetting().GetName(); name != "" {
			p.pushName = name
		}
	}
	return nil
}

// Version returns the version of a collection as the phone knows it, 0 before Bootstrap.
func (p *Phone) Version(collection string) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == nil || p.state.collections[collection] == nil {
		return 0
	}
	return p.state.collections[collection].version
}

// Setting returns the live app-state value at an index ("archive", chat JID), in any
// collection; nil when there is none.
func (p *Phone) Setting(index ...string) *waSyncAction.SyncActionValue {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == nil {
		return nil
	}
	key := indexJSON(index...)
	for _, c := range p.state.collections {
		if e, ok := c.entries[key]; ok {
			value := &waSyncAction.SyncActionValue{}
			if err := proto.Unmarshal(e.value, value); err != nil {
				return nil
			}
			return value
		}
	}
	return nil
}
