package wasim

import (
	"fmt"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"
)

// patchPage is how many patches one answer carries.
const patchPage = 50

// collection is one app-state collection: patches[i] has version i+1. The
// server needs no keys for it.
type collection struct {
	patches [][]byte
}

func (c *collection) version() uint64 { return uint64(len(c.patches)) }

// seed stores the phone's first patches before the first companion syncs: a
// collection fetched at version 0 would hide the events of its first change.
func (a *Account) seed() error {
	a.mu.Lock()
	seeded := a.seeded
	a.seeded = true
	a.mu.Unlock()
	if seeded {
		return nil
	}
	patches, err := a.phone.Bootstrap()
	if err != nil {
		a.mu.Lock()
		a.seeded = false
		a.mu.Unlock()
		return fmt.Errorf("seed app state: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, patch := range patches {
		c := a.collection(patch.Name)
		c.patches = append(c.patches, patch.Patch)
	}
	return nil
}

// collection returns a collection, made when missing. The caller holds a.mu.
func (a *Account) collection(name string) *collection {
	if a.state == nil {
		a.state = make(map[string]*collection)
	}
	c := a.state[name]
	if c == nil {
		c = &collection{}
		a.state[name] = c
	}
	return c
}

// AppStateVersion is the version of one of the account's app-state collections.
func (a *Account) AppStateVersion(name string) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.state[name]; c != nil {
		return c.version()
	}
	return 0
}

func (s *Server) iqAppState(from origin, iq *waBinary.Node) ([]waBinary.Node, *iqError) {
	if err := from.account.seed(); err != nil {
		return nil, &iqError{500, "internal-server-error"}
	}
	sync := iq.GetChildByTag("sync")
	var answers []waBinary.Node
	for _, asked := range sync.GetChildrenByTag("collection") {
		name, _ := asked.Attrs["name"].(string)
		base := number(asked.Attrs["version"])
		var patch []byte
		if child, ok := asked.GetOptionalChildByTag("patch"); ok {
			patch, _ = child.Content.([]byte)
		}
		if len(patch) == 0 {
			answers = append(answers, from.account.fetchPatches(name, base))
			continue
		}
		if from.takeLostRace() {
			answers = append(answers, from.account.conflict(name, base))
			continue
		}
		answer, version, err := from.account.storePatch(name, base, patch)
		if err != nil {
			return nil, errBadRequest
		}
		answers = append(answers, answer)
		if version > 0 {
			s.tellStateChange(from, name, version)
		}
	}
	return []waBinary.Node{{Tag: "sync", Content: answers}}, nil
}

func (a *Account) fetchPatches(name string, base uint64) waBinary.Node {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.collection(name)
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

// storePatch appends a patch that builds on the current version; on another
// base it answers the conflict with the patches that are missing, and version 0.
func (a *Account) storePatch(name string, base uint64, raw []byte) (answer waBinary.Node, version uint64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.collection(name)
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

func (a *Account) conflict(name string, base uint64) waBinary.Node {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.collection(name).conflict(name, base)
}

// conflict answers a patch that builds on base with what is missing since then.
func (c *collection) conflict(name string, base uint64) waBinary.Node {
	missing := []waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{"code": 409, "text": "conflict"}}}
	attrs := waBinary.Attrs{"name": name, "type": "error", "version": c.version()}
	return waBinary.Node{Tag: "collection", Attrs: attrs, Content: append(missing, patchNodes(c.patches[min(base, c.version()):])...)}
}

// tellStateChange lets the phone apply a stored patch and the other companions
// fetch it.
func (s *Server) tellStateChange(from origin, name string, version uint64) {
	a := from.account
	a.mu.Lock()
	stored := a.collection(name).patches[version-1]
	a.mu.Unlock()
	if from.number != 0 {
		if err := a.phone.ApplyPatch(name, stored); err != nil {
			s.Log.Warn().Err(err).Str("collection", name).Msg("phone cannot apply app state")
		}
	}
	a.notify(s.notification("server_sync", a.pn, nil, waBinary.Node{
		Tag: "collection", Attrs: waBinary.Attrs{"name": name, "version": version},
	}), int(from.number))
}

// number reads a numeric attribute, 0 when it is missing or not one.
func number(value any) uint64 {
	text, _ := value.(string)
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
