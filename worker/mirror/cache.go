package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/jackc/pgx/v5"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// How many entries each part of the cache keeps: those that were used last.
const (
	maxChats   = 512
	maxNames   = 2048
	maxAliases = 2048
	maxSent    = 128
	maxEarly   = 1024
)

// Of messages that were sent, the last small ones are kept for their receipts, which mostly
// come at once.
const (
	sentFor   = 10 * time.Minute
	sentBytes = 4 << 10
)

// cache keeps what a busy worker would otherwise read again for every message. It holds
// only what this worker has read or committed itself, and is emptied when a commit
// fails.
type cache struct {
	chats     *simplelru.LRU[string, chat]
	names     *simplelru.LRU[string, string]   // push names as last written, by id
	hidden    *simplelru.LRU[string, struct{}] // who is noted as hidden
	usernames *simplelru.LRU[string, string]   // by id; empty: none is known
	aliases   *simplelru.LRU[inbound.Alias, struct{}]
	sent      *simplelru.LRU[sentKey, sentMessage]
	awaited   map[string]struct{} // ids of messages of which something came early; nil: not read
	early     early               // is not emptied when a commit fails
}

type sentKey struct{ chat, id string }

// sentMessage is an own message as it is in the database, with all its receipts.
type sentMessage struct {
	row      db.Message
	receipts []db.ReceiptsRow
	at       time.Time
}

// early knows of which messages something was told, so that one that is recorded later
// can do without a look.
type early struct {
	ids  *simplelru.LRU[string, time.Time] // when it was told
	lost time.Time                         // when the newest that was dropped was told
}

func (e *early) note(id string, now time.Time) {
	if id == "" {
		return
	}
	if _, oldest, ok := e.ids.GetOldest(); ok && e.ids.Len() >= maxEarly && !e.ids.Contains(id) {
		e.lost = oldest
	}
	e.ids.Add(id, now)
}

// has also answers yes when it has dropped an id that may have been this one. A message is
// recorded long before sentFor has passed since its id was made.
func (e *early) has(id string, now time.Time) bool {
	return e.ids.Contains(id) || now.Sub(e.lost) < sentFor
}

// noteSent keeps a message for its receipts after the commit.
func (w *writer) noteSent(row db.Message, receipts []db.ReceiptsRow) {
	if len(row.Raw) > sentBytes {
		return
	}
	w.then(func() {
		w.cache.sent.Add(sentKey{row.Chat, row.ID}, sentMessage{row, receipts, w.now})
	})
}

// sentLately returns what is kept of these messages; false unless that is all of them.
func (w *writer) sentLately(chat string, ids []string) (map[string]db.Message, []db.ReceiptsRow, bool) {
	have := make(map[string]db.Message, len(ids))
	var receipts []db.ReceiptsRow
	for _, id := range ids {
		if _, again := have[id]; again {
			continue
		}
		s, ok := w.cache.sent.Get(sentKey{chat, id})
		if !ok || w.now.Sub(s.at) > sentFor {
			return nil, nil, false
		}
		have[id] = s.row
		receipts = append(receipts, s.receipts...)
	}
	return have, receipts, true
}

// concern notes which message a change is about, and forgets what is kept of messages when
// it is more than a receipt.
func (w *writer) concern(change inbound.Change) {
	switch op := change.Op.(type) {
	case nil, *inbound.Message, *inbound.Receipt:
	default:
		_, id := op.Concerns()
		w.cache.early.note(id, w.now)
		w.cache.sent.Purge()
	}
}

func newCache() cache {
	return cache{
		chats: newLRU[string, chat](maxChats), names: newLRU[string, string](maxNames),
		usernames: newLRU[string, string](maxNames), hidden: newLRU[string, struct{}](maxNames),
		aliases: newLRU[inbound.Alias, struct{}](maxAliases),
		sent:    newLRU[sentKey, sentMessage](maxSent),
		early:   early{ids: newLRU[string, time.Time](maxEarly)},
	}
}

func newLRU[K comparable, V any](size int) *simplelru.LRU[K, V] {
	l, err := simplelru.NewLRU[K, V](size, nil)
	if err != nil {
		panic(err) // the size is not positive
	}
	return l
}

func (c *cache) forget() {
	c.chats.Purge()
	c.names.Purge()
	c.usernames.Purge()
	c.hidden.Purge()
	c.aliases.Purge()
	c.sent.Purge()
	c.awaited = nil
}

func (c *cache) hasAlias(a inbound.Alias) bool {
	_, ok := c.aliases.Get(a)
	return ok
}

// chat is a row of chats with the names that its title is made of. Metadata is left out,
// because it may have a thousand participants; others counts them.
type chat struct {
	db.Chat
	exists                          bool
	savedName, pushName, verifiedAs string
	username                        string // of the person; no part of the title
	others                          int    // participants of a group without us; 0: not known
	announce                        bool   // only admins of the group may write
	disappearsAfter                 uint32 // of a group, in seconds; 0: never
}

// chat returns a chat, or a new one if there is none. The caller holds writing.
func (m *Mirror) chat(ctx context.Context, id string) (chat, error) {
	if ch, ok := m.cache.chats.Get(id); ok {
		return ch, nil
	}
	ch, _, err := m.readChat(ctx, id)
	if err != nil {
		return ch, err
	}
	m.cache.chats.Add(ch.ID, ch)
	return ch, nil
}

// readChat reads a chat without the cache. Its metadata is nil when none is known.
func (m *Mirror) readChat(ctx context.Context, id string) (chat, *shape.GroupMetadata, error) {
	row, err := m.q.OneChat(ctx, db.OneChatParams{InstanceID: m.instance, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		ch := chat{Chat: db.Chat{InstanceID: m.instance, ID: id}}
		if shape.IsUser(id) {
			contact, err := m.q.OneContact(ctx, db.OneContactParams{InstanceID: m.instance, ID: id})
			if err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return ch, nil, fmt.Errorf("read contact: %w", err)
			}
			ch.savedName, ch.pushName, ch.verifiedAs = contact.Name, contact.PushName, contact.BusinessName
			ch.username = contact.Username
		}
		return ch, nil, nil
	}
	if err != nil {
		return chat{}, nil, fmt.Errorf("read chat: %w", err)
	}
	metadata, err := decodeMetadata(row.Chat.Metadata)
	if err != nil {
		return chat{}, nil, err
	}
	return m.chatOf(db.ChatsRow(row), metadata), metadata, nil
}

func (m *Mirror) chatOf(row db.ChatsRow, g *shape.GroupMetadata) chat {
	row.Chat.Metadata = nil
	timer := uint32(0)
	if g != nil {
		timer = g.EphemeralDuration
	}
	return chat{
		Chat: row.Chat, exists: true, username: row.ContactUsername, disappearsAfter: timer,
		savedName: row.ContactName, pushName: row.ContactPushName, verifiedAs: row.ContactBusinessName,
		others: m.others(g), announce: g != nil && g.Announce,
	}
}

func decodeMetadata(encoded []byte) (*shape.GroupMetadata, error) {
	if len(encoded) == 0 {
		return nil, nil
	}
	var g shape.GroupMetadata
	if err := json.Unmarshal(encoded, &g); err != nil {
		return nil, fmt.Errorf("decode group metadata: %w", err)
	}
	return &g, nil
}

// others counts the participants of a group without us.
func (m *Mirror) others(g *shape.GroupMetadata) int {
	if g == nil {
		return 0
	}
	acct := m.Account()
	n := 0
	for _, p := range g.Participants {
		if p.ID.Serialized != acct.ID() && p.ID.Serialized != shape.ID(acct.LID) {
			n++
		}
	}
	return n
}

// shape renders the chat. The caller adds metadata and last message.
func (c chat) shape() shape.Chat {
	return shape.Chat{
		ID:             shape.NewWid(c.ID),
		Name:           c.title(),
		Username:       c.username,
		IsGroup:        shape.IsGroup(c.ID),
		IsReadOnly:     c.ReadOnly || c.announce, // as upstream: also for admins
		UnreadCount:    int(c.UnreadCount),
		Timestamp:      c.Timestamp,
		Archived:       c.Archived,
		Pinned:         c.Pinned,
		IsMuted:        c.MutedUntil != 0,
		MuteExpiration: c.MutedUntil,

		EphemeralDuration: uint32(c.EphemeralDuration), EphemeralSettingTimestamp: c.EphemeralSetAt,
	}
}

// title is the group's subject, or the best name there is for a person.
func (c chat) title() string {
	if shape.IsUser(c.ID) {
		if name := c.personName(); name != "" {
			return name
		}
		return shape.FormatNumber(c.ID)
	}
	if c.Name != "" {
		return c.Name
	}
	return shape.NewWid(c.ID).User
}

// personName is the best name there is for a person; empty when there is none.
func (c chat) personName() string {
	for _, name := range []string{c.savedName, c.verifiedAs, c.pushName, c.Name} {
		if name != "" {
			return name
		}
	}
	return ""
}
