package phone

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// ChatState is what the app state says about one chat.
type ChatState struct {
	Archived, Pinned, Muted bool
	MutedUntil              time.Time // zero when muted for ever
	MarkedUnread            bool
}

// Chat returns the state of a chat, whichever identity it was set under; where several
// disagree, the latest holds.
func (p *Phone) Chat(chat types.JID) ChatState {
	names := []string{chat.ToNonAD().String()}
	if pn, lid, ok := p.net.Resolve(chat.ToNonAD()); ok {
		names = []string{pn.String(), lid.String()}
	}
	latest := func(kind string) *waSyncAction.SyncActionValue {
		var value *waSyncAction.SyncActionValue
		for _, name := range names {
			if v := p.Setting(kind, name); v != nil && v.GetTimestamp() >= value.GetTimestamp() {
				value = v
			}
		}
		return value
	}
	read := latest(appstate.IndexMarkChatAsRead).GetMarkChatAsReadAction()
	mute := latest(appstate.IndexMute).GetMuteAction()
	state := ChatState{
		Archived:     latest(appstate.IndexArchive).GetArchiveChatAction().GetArchived(),
		Pinned:       latest(appstate.IndexPin).GetPinAction().GetPinned(),
		Muted:        mute.GetMuted(),
		MarkedUnread: read != nil && !read.GetRead(),
	}
	if end := mute.GetMuteEndTimestamp(); state.Muted && end > 0 {
		state.MutedUntil = time.UnixMilli(end)
	}
	return state
}

// ErrConflict is returned when companions kept changing a collection while the phone tried to
// change it.
var ErrConflict = errors.New("app-state collection kept changing")

// Archive archives a chat or takes it out of the archive. Archiving also unpins it.
func (p *Phone) Archive(ctx context.Context, chat types.JID, on bool) error {
	return p.Change(ctx, appstate.BuildArchive(chat, on, p.now(), nil))
}

// Pin pins a chat or unpins it.
func (p *Phone) Pin(ctx context.Context, chat types.JID, on bool) error {
	return p.Change(ctx, appstate.BuildPin(chat, on))
}

// Mute mutes a chat until a time; the zero time means for ever.
func (p *Phone) Mute(ctx context.Context, chat types.JID, until time.Time) error {
	var end *int64
	if !until.IsZero() {
		end = proto.Int64(until.UnixMilli())
	}
	return p.Change(ctx, appstate.BuildMuteAbs(chat, true, end))
}

// Unmute ends Mute.
func (p *Phone) Unmute(ctx context.Context, chat types.JID) error {
	return p.Change(ctx, appstate.BuildMuteAbs(chat, false, nil))
}

// MarkChat marks a whole chat read or unread for the account's own devices.
func (p *Phone) MarkChat(ctx context.Context, chat types.JID, read bool) error {
	return p.Change(ctx, appstate.BuildMarkChatAsRead(chat, read, p.now(), nil))
}

// SetPushName changes the account's own name.
func (p *Phone) SetPushName(ctx context.Context, name string) error {
	return p.Change(ctx, appstate.BuildSettingPushName(name))
}

// SaveContact puts a person in the address book, under the phone number. Without one it
// goes under the hidden identity, and then the username is what the person is known by.
func (p *Phone) SaveContact(ctx context.Context, contact Contact) error {
	if contact.LID.IsEmpty() {
		_, contact.LID, _ = p.net.Resolve(contact.PN)
	}
	return p.Change(ctx, appstate.PatchInfo{
		Type:      appstate.WAPatchCriticalUnblockLow,
		Mutations: []appstate.MutationInfo{contactMutation(contact)},
	})
}

func contactMutation(c Contact) appstate.MutationInfo {
	var username *string
	if c.Username != "" {
		username = proto.String(c.Username)
	}
	if c.PN.IsEmpty() {
		// guess: the version, which clients do not look at.
		return appstate.MutationInfo{
			Index: []string{appstate.IndexLIDContact, c.LID.ToNonAD().String()}, Version: 2,
			Value: &waSyncAction.SyncActionValue{LidContactAction: &waSyncAction.LidContactAction{
				FullName: proto.String(c.FullName), FirstName: proto.String(c.FirstName), Username: username,
			}},
		}
	}
	action := &waSyncAction.ContactAction{
		FullName: proto.String(c.FullName), FirstName: proto.String(c.FirstName),
		SaveOnPrimaryAddressbook: proto.Bool(true), Username: username,
	}
	if !c.LID.IsEmpty() {
		action.LidJID = proto.String(c.LID.ToNonAD().String())
	}
	return appstate.MutationInfo{
		Index: []string{appstate.IndexContact, c.PN.ToNonAD().String()}, Version: 2,
		Value: &waSyncAction.SyncActionValue{ContactAction: action},
	}
}

// Change writes to an app-state collection as a client does: it sends the patch, waits for the
// server's answer and, when a companion was quicker, applies that patch and tries again.
// It must not be called from a subscriber or an AutoReply function.
func (p *Phone) Change(ctx context.Context, info appstate.PatchInfo) error {
	p.changeMu.Lock()
	defer p.changeMu.Unlock()
	name := string(info.Type)
	changes := p.changes(info.Mutations)
	for range maxRetries {
		base, patch, err := p.nextPatch(name, changes)
		if err != nil {
			return fmt.Errorf("change %s: %w", name, err)
		}
		raw, err := proto.Marshal(patch)
		if err != nil {
			return fmt.Errorf("marshal patch of %s: %w", name, err)
		}
		answer, err := p.request(ctx, waBinary.Attrs{"xmlns": "w:sync:app:state", "type": "set", "to": types.ServerJID},
			waBinary.Node{Tag: "sync", Content: []waBinary.Node{{
				Tag:     "collection",
				Attrs:   waBinary.Attrs{"name": name, "version": strconv.FormatUint(base, 10), "return_snapshot": "false"},
				Content: []waBinary.Node{{Tag: "patch", Content: raw}},
			}}})
		if err != nil {
			return fmt.Errorf("change %s: %w", name, err)
		}
		result := answer.GetChildByTag("sync", "collection")
		if attr(answer, "type") == "error" || result.Tag != "collection" {
			return fmt.Errorf("change %s: server refused: %s", name, attr(answer.GetChildByTag("error"), "code"))
		}
		if attr(result, "type") != "error" {
			patch.Version = &waServerSync.SyncdVersion{Version: proto.Uint64(base + 1)}
			if raw, err = proto.Marshal(patch); err != nil {
				return fmt.Errorf("marshal patch of %s: %w", name, err)
			}
			return p.ApplyPatch(name, raw)
		}
		patches := result.GetChildByTag("patches")
		for _, missing := range patches.GetChildrenByTag("patch") {
			if err := p.ApplyPatch(name, content(missing)); err != nil {
				return fmt.Errorf("change %s: %w", name, err)
			}
		}
	}
	return fmt.Errorf("change %s: %w", name, ErrConflict)
}

func (p *Phone) nextPatch(name string, changes []change) (base uint64, patch *waServerSync.SyncdPatch, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.ownState()
	c, ok := s.collections[name]
	if !ok {
		return 0, nil, fmt.Errorf("no collection %q", name)
	}
	patch, err = c.build(name, s.keyID, s.keys, changes)
	return c.version, patch, err
}

func (p *Phone) changes(mutations []appstate.MutationInfo) []change {
	var out []change
	for _, m := range mutations {
		m.Value.Timestamp = proto.Int64(p.now().UnixMilli())
		out = append(out, change{index: indexJSON(m.Index...), version: m.Version, value: m.Value})
	}
	return out
}

// seeds are the first entries of a collection. Those of regular and regular_high are chosen
// among what real accounts hold; which ones matter to the real server is a guess.
func (p *Phone) seeds(name appstate.WAPatchName) []change {
	var mutations []appstate.MutationInfo
	add := func(version int32, value *waSyncAction.SyncActionValue, index ...string) {
		mutations = append(mutations, appstate.MutationInfo{Index: index, Version: version, Value: value})
	}
	switch name {
	case appstate.WAPatchCriticalBlock:
		add(1, &waSyncAction.SyncActionValue{
			PushNameSetting: &waSyncAction.PushNameSetting{Name: proto.String(p.pushName)},
		}, appstate.IndexSettingPushName)
		add(3, &waSyncAction.SyncActionValue{
			LocaleSetting: &waSyncAction.LocaleSetting{Locale: proto.String("en_US")},
		}, appstate.IndexSettingLocale)
	case appstate.WAPatchRegular:
		add(7, &waSyncAction.SyncActionValue{PrimaryFeature: &waSyncAction.PrimaryFeature{}}, appstate.IndexPrimaryFeature)
	case appstate.WAPatchRegularHigh:
		salt := make([]byte, 32)
		rand.Read(salt)
		add(1, &waSyncAction.SyncActionValue{
			NctSaltSyncAction: &waSyncAction.NctSaltSyncAction{Salt: salt},
		}, appstate.IndexNCTSaltSync)
		for _, c := range p.history.Conversations {
			if !c.MutedUntil.IsZero() {
				mute := appstate.BuildMuteAbs(c.Chat, true, proto.Int64(c.MutedUntil.UnixMilli()))
				mutations = append(mutations, mute.Mutations...)
			}
		}
	case appstate.WAPatchRegularLow:
		add(4, &waSyncAction.SyncActionValue{
			UnarchiveChatsSetting: &waSyncAction.UnarchiveChatsSetting{UnarchiveChats: proto.Bool(true)},
		}, appstate.IndexSettingUnarchiveChats)
		for _, c := range p.history.Conversations {
			if c.Archived {
				mutations = append(mutations, appstate.BuildArchive(c.Chat, true, p.now(), nil).Mutations[0])
			}
			if c.Pinned {
				mutations = append(mutations, appstate.BuildPin(c.Chat, true).Mutations...)
			}
		}
	}
	return p.changes(mutations)
}

// contactChanges are the first entries of the address book. An empty one gets its
// owner's entry, because a collection must not start empty.
func (p *Phone) contactChanges() []change {
	var mutations []appstate.MutationInfo
	for _, c := range p.contacts() {
		if c.FullName != "" || c.FirstName != "" {
			mutations = append(mutations, contactMutation(c))
		}
	}
	if len(mutations) == 0 {
		name := p.PushName()
		mutations = append(mutations, contactMutation(Contact{PN: p.pn, LID: p.lid, FullName: name, FirstName: name}))
	}
	return p.changes(mutations)
}

// contacts returns the contacts of the History with both identities filled in.
func (p *Phone) contacts() []Contact {
	out := make([]Contact, 0, len(p.history.Contacts))
	for _, c := range p.history.Contacts {
		known := c.PN
		if known.IsEmpty() {
			known = c.LID
		}
		if pn, lid, ok := p.net.Resolve(known); ok {
			c.PN, c.LID = pn, lid
		}
		if !c.PN.IsEmpty() {
			out = append(out, c)
		}
	}
	return out
}
