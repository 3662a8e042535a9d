package phone

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/store"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"
)

// client is a companion's app state: whatsmeow's own processor over a store in memory.
type client struct {
	store.NoopStore
	proc  *appstate.Processor
	key   store.AppStateSyncKey
	state map[string]appstate.HashState
	macs  map[string][]byte
	seen  []appstate.Mutation
}

func newClient(p *Phone) *client {
	c := &client{state: map[string]appstate.HashState{}, macs: map[string][]byte{}}
	share := p.keyShare(nil).GetAppStateSyncKeyShare().GetKeys()[0]
	c.key = store.AppStateSyncKey{Data: share.GetKeyData().GetKeyData()}
	c.proc = appstate.NewProcessor(&store.Device{AppState: c, AppStateKeys: c}, waLog.Noop)
	return c
}

func (c *client) GetAppStateSyncKey(context.Context, []byte) (*store.AppStateSyncKey, error) {
	return &c.key, nil
}

func (c *client) PutAppStateVersion(_ context.Context, name string, version uint64, hash [128]byte) error {
	c.state[name] = appstate.HashState{Version: version, Hash: hash}
	return nil
}

func (c *client) PutAppStateMutationMACs(_ context.Context, name string, _ uint64, macs []store.AppStateMutationMAC) error {
	for _, mac := range macs {
		c.macs[name+string(mac.IndexMAC)] = mac.ValueMAC
	}
	return nil
}

func (c *client) DeleteAppStateMutationMACs(_ context.Context, name string, indexMACs [][]byte) error {
	for _, mac := range indexMACs {
		delete(c.macs, name+string(mac))
	}
	return nil
}

func (c *client) GetAppStateMutationMAC(_ context.Context, name string, indexMAC []byte) ([]byte, error) {
	return c.macs[name+string(indexMAC)], nil
}

// take decodes stored patches, all MACs checked.
func (c *client) take(t *testing.T, name string, patches ...[]byte) {
	t.Helper()
	list := &appstate.PatchList{Name: appstate.WAPatchName(name)}
	for _, raw := range patches {
		var patch waServerSync.SyncdPatch
		if err := proto.Unmarshal(raw, &patch); err != nil {
			t.Fatal(err)
		}
		list.Patches = append(list.Patches, &patch)
	}
	mutations, _, err := c.proc.DecodePatches(t.Context(), list, c.state[name], true)
	if err != nil {
		t.Fatalf("client cannot apply %s: %v", name, err)
	}
	c.seen = append(c.seen, mutations...)
}

func (c *client) last() appstate.Mutation { return c.seen[len(c.seen)-1] }

// collections is the server's part: it numbers patches and refuses those on an old version.
type collections struct {
	mu      sync.Mutex
	patches map[string][][]byte
}

func (s *collections) store(t *testing.T, name string, base uint64, raw []byte) (stored []byte, missing [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if base != uint64(len(s.patches[name])) {
		return nil, s.patches[name][base:]
	}
	var patch waServerSync.SyncdPatch
	if err := proto.Unmarshal(raw, &patch); err != nil {
		t.Error(err)
	}
	patch.Version = &waServerSync.SyncdVersion{Version: proto.Uint64(base + 1)}
	stored, err := proto.Marshal(&patch)
	if err != nil {
		t.Error(err)
	}
	s.patches[name] = append(s.patches[name], stored)
	return stored, nil
}

func (s *collections) answer(t *testing.T) func(*Phone, waBinary.Node) {
	return func(p *Phone, iq waBinary.Node) {
		asked := iq.GetChildByTag("sync", "collection")
		patch := asked.GetChildByTag("patch")
		name, base := attr(asked, "name"), uint64(attrInt(asked, "version"))
		stored, missing := s.store(t, name, base, content(patch))
		result := waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": name, "version": base + 1}}
		if stored == nil {
			result.Attrs["type"] = "error"
			var nodes []waBinary.Node
			for _, raw := range missing {
				nodes = append(nodes, waBinary.Node{Tag: "patch", Content: raw})
			}
			result.Content = []waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{"code": "409"}}, {Tag: "patches", Content: nodes}}
		}
		p.Receive(waBinary.Node{Tag: "iq", Attrs: waBinary.Attrs{"id": attr(iq, "id"), "type": "result"}, Content: []waBinary.Node{
			{Tag: "sync", Content: []waBinary.Node{result}},
		}})
	}
}

func seeded(t *testing.T) (*router, *collections, *Phone, *Phone) {
	r := newRouter()
	bob := r.phone(t, 2, "Bob", History{})
	alice := r.phone(t, 1, "Alice", History{
		Contacts: []Contact{{PN: bob.PN(), FullName: "Bob Builder", FirstName: "Bob"}},
		Conversations: []Conversation{
			{Chat: bob.PN(), Name: "Bob", Archived: true, MutedUntil: time.Now().Add(time.Hour)},
		},
	})
	patches, err := alice.Bootstrap()
	if err != nil || len(patches) != len(appstate.AllPatchNames) {
		t.Fatalf("%d first patches, %v", len(patches), err)
	}
	if again, err := alice.Bootstrap(); again != nil || err != nil {
		t.Fatalf("second bootstrap gave %d patches, %v", len(again), err)
	}
	s := &collections{patches: map[string][][]byte{}}
	for _, patch := range patches {
		if patch.Version != 1 {
			t.Fatalf("%s starts at %d", patch.Name, patch.Version)
		}
		s.patches[patch.Name] = [][]byte{patch.Patch}
	}
	r.onIQ = s.answer(t)
	return r, s, alice, bob
}

func TestClientReadsTheFirstPatches(t *testing.T) {
	_, s, alice, bob := seeded(t)
	c := newClient(alice)
	for name, patches := range s.patches {
		before := len(c.seen)
		c.take(t, name, patches...)
		if len(c.seen) == before {
			t.Errorf("%s starts without an entry", name)
		}
	}
	found := map[string]bool{}
	for _, m := range c.seen {
		switch m.Index[0] {
		case appstate.IndexSettingPushName:
			found["name"] = m.Action.GetPushNameSetting().GetName() == "Alice"
		case appstate.IndexContact:
			found["contact"] = m.Index[1] == bob.PN().String() && m.Action.GetContactAction().GetFullName() == "Bob Builder" &&
				m.Action.GetContactAction().GetLidJID() == bob.LID().String()
		case appstate.IndexArchive:
			found["archive"] = m.Index[1] == bob.PN().String() && m.Action.GetArchiveChatAction().GetArchived()
		case appstate.IndexMute:
			found["mute"] = m.Action.GetMuteAction().GetMuted()
		}
	}
	for _, want := range []string{"name", "contact", "archive", "mute"} {
		if !found[want] {
			t.Errorf("no %s among the first entries", want)
		}
	}
	if state := alice.Chat(bob.LID()); !state.Archived || !state.Muted || state.Pinned {
		t.Errorf("phone's own view is %+v", state)
	}
}

func TestChangesGoBothWays(t *testing.T) {
	_, s, alice, bob := seeded(t)
	c := newClient(alice)
	for name, patches := range s.patches {
		c.take(t, name, patches...)
	}
	low := string(appstate.WAPatchRegularLow)

	for range 3 { // the same index again: the replaced value must leave the hash
		if err := alice.Pin(timeout(t), bob.LID(), true); err != nil {
			t.Fatal(err)
		}
		c.take(t, low, s.patches[low][len(s.patches[low])-1])
	}
	if m := c.last(); m.Index[0] != appstate.IndexPin || !m.Action.GetPinAction().GetPinned() {
		t.Fatalf("client saw %v", m)
	}

	raw, err := c.proc.EncodePatch(t.Context(), alice.state.keyID, c.state[low], appstate.BuildArchive(bob.LID(), false, time.Now(), nil))
	if err != nil {
		t.Fatal(err)
	}
	stored, _ := s.store(t, low, c.state[low].Version, raw)
	// The phone does not know of it yet, so its own change collides first.
	if err := alice.MarkChat(timeout(t), bob.LID(), false); err != nil {
		t.Fatal(err)
	}
	if err := alice.ApplyPatch(low, stored); err != nil {
		t.Fatalf("known patch: %v", err)
	}
	if state := alice.Chat(bob.PN()); state.Archived || !state.Pinned || !state.MarkedUnread {
		t.Fatalf("state is %+v", state)
	}
	c.take(t, low, s.patches[low][c.state[low].Version:]...)
	if alice.Version(low) != c.state[low].Version {
		t.Fatalf("phone at %d, client at %d", alice.Version(low), c.state[low].Version)
	}
}

func TestPatchesOutOfOrderAndBroken(t *testing.T) {
	_, s, alice, bob := seeded(t)
	c := newClient(alice)
	high := string(appstate.WAPatchRegularHigh)
	c.take(t, high, s.patches[high]...)
	var stored [][]byte
	for _, on := range []bool{true, false} {
		raw, err := c.proc.EncodePatch(t.Context(), alice.state.keyID, c.state[high], appstate.BuildMute(bob.PN(), on, 0))
		if err != nil {
			t.Fatal(err)
		}
		patch, _ := s.store(t, high, c.state[high].Version, raw)
		c.take(t, high, patch)
		stored = append(stored, patch)
	}
	var broken waServerSync.SyncdPatch
	if err := proto.Unmarshal(stored[0], &broken); err != nil {
		t.Fatal(err)
	}
	broken.SnapshotMAC[0] ^= 1
	raw, _ := proto.Marshal(&broken)
	if err := alice.ApplyPatch(high, raw); !errors.Is(err, ErrPatch) {
		t.Fatalf("broken patch: %v", err)
	}
	if err := alice.ApplyPatch(high, stored[1]); err != nil || alice.Version(high) != 1 {
		t.Fatalf("early patch: version %d, %v", alice.Version(high), err)
	}
	if err := alice.ApplyPatch(high, stored[0]); err != nil || alice.Version(high) != 3 {
		t.Fatalf("late patch: version %d, %v", alice.Version(high), err)
	}
	if alice.Chat(bob.PN()).Muted {
		t.Fatal("chat still muted")
	}
}

func TestCompanionRenamesTheAccount(t *testing.T) {
	_, s, alice, _ := seeded(t)
	c := newClient(alice)
	name := string(appstate.WAPatchCriticalBlock)
	c.take(t, name, s.patches[name]...)
	raw, err := c.proc.EncodePatch(t.Context(), alice.state.keyID, c.state[name], appstate.BuildSettingPushName("Alice B."))
	if err != nil {
		t.Fatal(err)
	}
	stored, _ := s.store(t, name, 1, raw)
	if err := alice.ApplyPatch(name, stored); err != nil {
		t.Fatal(err)
	}
	if alice.PushName() != "Alice B." {
		t.Fatalf("name is %q", alice.PushName())
	}
}

func TestContactIsSaved(t *testing.T) {
	_, s, alice, bob := seeded(t)
	if err := alice.SaveContact(timeout(t), Contact{PN: bob.PN(), FullName: "Robert"}); err != nil {
		t.Fatal(err)
	}
	c := newClient(alice)
	name := string(appstate.WAPatchCriticalUnblockLow)
	c.take(t, name, s.patches[name]...)
	if c.last().Action.GetContactAction().GetFullName() != "Robert" {
		t.Fatalf("client saw %v", c.last())
	}
	if got := alice.Setting(appstate.IndexContact, bob.PN().String()).GetContactAction().GetFullName(); got != "Robert" {
		t.Fatalf("phone holds %q", got)
	}
}

func TestChangeEndsWithItsContext(t *testing.T) {
	r, _, alice, bob := seeded(t)
	r.onIQ = func(*Phone, waBinary.Node) {} // a server that does not answer
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := alice.Archive(ctx, bob.PN(), true); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if len(alice.answers) != 0 {
		t.Fatal("request still booked")
	}
}
