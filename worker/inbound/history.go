package inbound

import (
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/shape"
)

// pastPart is how many rows one part of a history has at most. Receipts and reactions count
// with their chat.
const pastPart = 500

// history yields the past in parts. Ids are looked up while the parts are made, so an error
// of their store ends it.
func (t *translator) history(e *events.HistorySync) Op {
	data := e.Data
	if data == nil || data.GetSyncType() == waHistorySync.HistorySync_NON_BLOCKING_DATA &&
		len(data.Conversations) == 0 && len(data.Pushnames) == 0 &&
		len(data.InlineContacts) == 0 && len(data.Accounts) == 0 {
		return nil
	}
	return &History{Each: func(yield func(Past) error) error {
		h := &historian{translator: translator{resolver: t.resolver}, yield: yield}
		h.known = map[string]string{}
		return h.all(data)
	}}
}

// historian goes through one history.
type historian struct {
	translator
	yield func(Past) error
	part  Past
	rows  int
}

func (h *historian) all(data *waHistorySync.HistorySync) error {
	for _, pair := range data.GetPhoneNumberToLidMappings() {
		h.pair(pair.GetLidJID(), pair.GetPnJID())
	}
	for _, name := range data.GetPushnames() {
		if id := h.text(name.GetID()); id != "" && shape.IsUser(id) && name.GetPushname() != "-" {
			h.part.Contacts = append(h.part.Contacts, Contact{ID: id, PushName: shape.Clean(name.GetPushname())})
			if err := h.count(1); err != nil {
				return err
			}
		}
	}
	if err := h.usernames(data); err != nil {
		return err
	}
	for _, c := range data.GetConversations() {
		if err := h.conversation(c); err != nil {
			return err
		}
	}
	for _, wm := range data.GetStatusV3Messages() {
		if err := h.webMessage(types.StatusBroadcastJID, wm); err != nil {
			return err
		}
	}
	return h.flush()
}

// usernames takes those that are told beside the conversations.
func (h *historian) usernames(data *waHistorySync.HistorySync) error {
	for _, c := range data.GetInlineContacts() {
		if err := h.met(c.GetLidJID(), c.GetPnJID()); err != nil {
			return err
		}
		address := c.GetPnJID()
		if address == "" {
			address = c.GetLidJID()
		}
		if err := h.username(address, c.Username); err != nil {
			return err
		}
	}
	for _, a := range data.GetAccounts() {
		name := a.Username
		if a.GetIsUsernameDeleted() {
			none := ""
			name = &none
		}
		if err := h.username(a.GetLid(), name); err != nil {
			return err
		}
	}
	return h.err
}

func (h *historian) username(address string, said *string) error {
	id := h.text(address)
	if said == nil || !shape.IsUser(id) {
		return h.err
	}
	h.part.Contacts = append(h.part.Contacts, Contact{ID: id, Username: username(said)})
	return h.count(1)
}

// pair records that two addresses are the same person.
func (h *historian) pair(lid, pn string) (l, p types.JID, ok bool) {
	l, errL := types.ParseJID(lid)
	p, errP := types.ParseJID(pn)
	l, p = plain(l), plain(p)
	ok = errL == nil && errP == nil && l.Server == types.HiddenUserServer && p.Server == types.DefaultUserServer
	if ok {
		h.known[l.User] = p.User
	}
	return l, p, ok
}

// met is pair for a pair that whatsmeow does not read: it stands in a chat or a contact.
func (h *historian) met(lid, pn string) error {
	l, p, ok := h.pair(lid, pn)
	if !ok {
		return h.err
	}
	h.learn(l, p)
	return h.count(1)
}

// count yields the part when it is full.
func (h *historian) count(rows int) error {
	h.rows += rows
	if h.rows < pastPart {
		return h.err
	}
	return h.flush()
}

func (h *historian) flush() error {
	if h.err != nil {
		return h.err
	}
	part := h.part
	part.Aliases = h.aliases
	h.part, h.rows, h.aliases = Past{}, 0, nil
	if len(part.Aliases) == 0 && len(part.Contacts) == 0 && len(part.Chats) == 0 && len(part.Messages) == 0 &&
		len(part.Keeps) == 0 {
		return nil
	}
	return h.yield(part)
}

func (h *historian) conversation(c *waHistorySync.Conversation) error {
	jid, err := types.ParseJID(c.GetID())
	if err != nil || jid.User == "" {
		return h.err
	}
	switch plain(jid).Server {
	case types.HiddenUserServer:
		err = h.met(c.GetID(), c.GetPnJID())
	case types.DefaultUserServer:
		err = h.met(c.GetLidJID(), c.GetID())
	}
	if err != nil {
		return err
	}
	id := h.user(jid, types.EmptyJID)
	if id != shape.StatusID && jid.Server != types.BroadcastServer {
		h.part.Chats = append(h.part.Chats, h.chatState(id, c))
		if err := h.count(1); err != nil {
			return err
		}
	}
	if err := h.username(c.GetID(), c.Username); err != nil {
		return err
	}
	for _, m := range c.GetMessages() {
		if err := h.webMessage(jid, m.GetMessage()); err != nil {
			return err
		}
	}
	return h.err
}

func (h *historian) chatState(id string, c *waHistorySync.Conversation) ChatState {
	unread, pinned := int(min(c.GetUnreadCount(), 1<<20)), c.GetPinned() > 0
	if c.GetMarkedAsUnread() && unread == 0 {
		unread = -1
	}
	until := int64(min(c.GetMuteEndTime(), 1<<53))
	if until > 1<<40 { // milliseconds
		until /= 1000
	}
	if int64(c.GetMuteEndTime()) < 0 {
		until = -1
	}
	s := ChatState{
		ID: id, Name: shape.Clean(c.GetName()), Unread: &unread, Pinned: &pinned, Archived: c.Archived, MutedUntil: &until,
		Timestamp: int64(min(max(c.GetConversationTimestamp(), c.GetLastMsgTimestamp()), 1<<40)),
	}
	if s.Name == "" {
		s.Name = shape.Clean(c.GetDisplayName())
	}
	if c.GetReadOnly() {
		yes := true
		s.ReadOnly = &yes
	}
	if shape.IsUser(id) && (c.EphemeralExpiration != nil || c.EphemeralSettingTimestamp != nil) {
		s.Timer = newTimer(c.GetEphemeralExpiration(), c.GetEphemeralSettingTimestamp(), time.Unix(s.Timestamp, 0))
	}
	if shape.IsGroup(id) && len(c.GetParticipant()) > 0 {
		s.Group = h.pastGroup(id, c)
	}
	return s
}

func (h *historian) pastGroup(id string, c *waHistorySync.Conversation) *shape.GroupMetadata {
	g := &shape.GroupMetadata{
		ID: shape.NewWid(id), Subject: shape.Clean(c.GetName()), Creation: int64(min(c.GetCreatedAt(), 1<<40)),
		Desc: shape.Clean(c.GetDescription()), EphemeralDuration: c.GetEphemeralExpiration(),
		IsParentGroup: c.GetIsParentGroup(), DefaultSubgroup: c.GetIsDefaultSubgroup(), Suspended: c.GetSuspended(),
		Size:                len(c.GetParticipant()),
		PendingParticipants: []shape.GroupParticipant{}, PastParticipants: []shape.GroupParticipant{},
		MembershipApprovalRequests: []shape.GroupParticipant{}, Participants: []shape.GroupParticipant{},
	}
	for text, wid := range map[string]**shape.Wid{c.GetCreatedBy(): &g.Owner, c.GetParentGroupID(): &g.ParentGroup} {
		if id := h.text(text); id != "" {
			w := shape.NewWid(id)
			*wid = &w
		}
	}
	for _, p := range c.GetParticipant() {
		if id := h.text(p.GetUserJID()); id != "" {
			g.Participants = append(g.Participants, shape.GroupParticipant{
				ID:           shape.NewWid(id),
				IsAdmin:      p.GetRank() != waHistorySync.GroupParticipant_REGULAR,
				IsSuperAdmin: p.GetRank() == waHistorySync.GroupParticipant_SUPERADMIN,
			})
		}
	}
	return g
}

// webMessage adds one message of the past. Other entries but keeps are left out: reactions and
// votes come with their targets, and keys and settings are nothing to show.
func (h *historian) webMessage(chat types.JID, wm *waWeb.WebMessageInfo) error {
	if wm.GetKey().GetID() == "" {
		return h.err
	}
	source := types.MessageSource{Chat: chat, IsFromMe: wm.GetKey().GetFromMe()}
	for _, text := range []string{wm.GetParticipant(), wm.GetKey().GetParticipant(), wm.GetKey().GetRemoteJID()} {
		if jid, err := types.ParseJID(text); err == nil && jid.User != "" && source.Sender.IsEmpty() &&
			(text != wm.GetKey().GetRemoteJID() || plain(jid).Server != types.GroupServer) {
			source.Sender = jid
		}
	}
	if source.Sender.IsEmpty() || (!source.IsFromMe && isPerson(chat)) {
		source.Sender = chat
	}
	if k := h.pastKeep(source, wm); k != nil {
		h.part.Keeps = append(h.part.Keeps, *k)
		return h.count(1)
	}
	m := h.pastMessage(source, wm)
	if m == nil {
		return h.err
	}
	h.part.Messages = append(h.part.Messages, *m)
	return h.count(1 + len(m.Reactions) + len(m.Receipts) + len(m.Votes) + len(m.Answers))
}

func isPerson(jid types.JID) bool {
	server := plain(jid).Server
	return server == types.DefaultUserServer || server == types.HiddenUserServer
}

func (h *historian) pastMessage(source types.MessageSource, wm *waWeb.WebMessageInfo) *Message {
	id, raw := wm.GetKey().GetID(), wm.GetMessage()
	kind := ""
	if raw != nil {
		inner := message.Read(raw)
		if p := inner.Message.GetProtocolMessage(); p.GetType() == waE2E.ProtocolMessage_MESSAGE_EDIT && p.GetEditedMessage() != nil {
			id, raw = p.GetKey().GetID(), p.GetEditedMessage()
			inner = message.Read(raw)
		}
		if !own(inner) || id == "" {
			raw = nil
		}
	}
	if raw == nil {
		if kind = stubType(wm); kind == "" {
			return nil
		}
	}
	chat, _ := h.chat(source)
	m := &Message{
		Chat: chat, ID: shape.CleanMessageID(id), FromMe: source.IsFromMe, Sender: h.sender(source),
		At: time.Unix(int64(min(wm.GetMessageTimestamp(), 1<<40)), 0), PushName: shape.Clean(wm.GetPushName()),
		Raw: raw, Type: kind, Broadcast: wm.GetBroadcast(), Starred: wm.GetStarred(), Ack: int(LevelServer),
	}
	if kind == shape.TypeGroup || kind == shape.TypeNotification {
		m.Body = shape.Clean(strings.Join(wm.GetMessageStubParameters(), ","))
	}
	if kind == shape.TypeRevoked {
		m.RevokedAt = m.At.Unix()
	}
	if m.FromMe && wm.Status != nil {
		m.Ack = int(wm.GetStatus()) - 1
	}
	h.marks(m, wm)
	return m
}

// stubType is the type of a message without content, empty when it is nothing to show.
func stubType(wm *waWeb.WebMessageInfo) string {
	stub := wm.GetMessageStubType()
	name := stub.String()
	switch {
	case stub == waWeb.WebMessageInfo_UNKNOWN:
		return ""
	case stub == waWeb.WebMessageInfo_REVOKE, stub == waWeb.WebMessageInfo_ADMIN_REVOKE:
		return shape.TypeRevoked
	case stub == waWeb.WebMessageInfo_CIPHERTEXT:
		return shape.TypeCiphertext
	case strings.HasPrefix(name, "CALL_MISSED_"), strings.HasPrefix(name, "SILENCED_UNKNOWN_CALLER_"):
		return shape.TypeCallLog
	case strings.HasPrefix(name, "GROUP_"):
		return shape.TypeGroup
	case strings.HasPrefix(name, "E2E_"):
		return shape.TypeE2ENotification
	case strings.HasPrefix(name, "BROADCAST_"):
		return "broadcast_notification"
	default:
		return shape.TypeNotification
	}
}
