package mirror

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

const (
	// chatsKept bounds how long the list of chats is used. All writes of a live account
	// are known here, except those of retention.
	chatsKept = time.Minute
	// manyChanged is the number of changed chats above which it costs less to read all
	// chats than to read each of them.
	manyChanged = 100
)

// chatList keeps the chats that were read last, and knows which of them have changed
// since. Callers who ask for all chats ask often, and few chats change in between.
type chatList struct {
	reading ctxMutex // one refresh at a time; guards the next two fields

	chats map[string]shape.Chat // guarded by reading; by id; nil when none are kept
	at    time.Time             // guarded by reading; when all chats were last read
	idle  *time.Timer           // drops the chats when nobody has asked for a while

	mu       sync.Mutex
	changed  map[string]bool // guarded by mu
	whole    bool            // guarded by mu; any chat may have changed
	underway map[string]int  // guarded by mu; being written now; "": anything
}

func newChatList() *chatList {
	l := &chatList{reading: newCtxMutex(), whole: true, changed: map[string]bool{}, underway: map[string]int{}}
	l.idle = time.AfterFunc(chatsKept, l.drop)
	l.idle.Stop()
	return l
}

// drop gives the memory back, unless a read is in progress, which keeps a new list.
func (l *chatList) drop() {
	if l.reading.tryLock() {
		l.chats = nil
		l.reading.unlock()
	}
}

// write records that these chats are being written until done is called; no ids mean any
// chat. A chat that is read in between is read once more.
func (l *chatList) write(ids ...string) (done func()) {
	if len(ids) == 0 {
		ids = []string{""}
	}
	l.mu.Lock()
	for _, id := range ids {
		l.underway[id]++
	}
	l.mu.Unlock()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, id := range ids {
			if l.underway[id]--; l.underway[id] == 0 {
				delete(l.underway, id)
			}
			if id == "" || len(l.changed) > manyChanged {
				l.whole = true
			} else {
				l.changed[id] = true
			}
		}
	}
}

// stale returns the chats that have changed, and forgets them. With all, any chat may
// have changed.
func (l *chatList) stale() (ids []string, all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all = l.whole || l.underway[""] > 0
	for id := range l.changed {
		ids = append(ids, id)
	}
	for id := range l.underway {
		ids = append(ids, id)
	}
	l.whole = false
	clear(l.changed)
	return ids, all || len(ids) > manyChanged
}

func (l *chatList) spoil() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.whole = true
}

// touched lists the chats that a change may alter; none means any of them.
func touched(change inbound.Change) []string {
	chat, _ := concerns(change.Op)
	if chat == "" {
		return nil
	}
	ids := []string{chat}
	for _, c := range change.Contacts {
		ids = append(ids, c.ID)
	}
	for _, a := range change.Aliases {
		ids = append(ids, a.ID, a.LID)
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

// Chats returns all chats with their last message: first the pinned ones, then the others
// by their newest message. Channels and the status list are not among them. The chats
// share what they point to, so the caller must not change it.
func (m *Mirror) Chats(ctx context.Context) ([]shape.Chat, error) {
	l := m.list
	if err := l.reading.lock(ctx); err != nil {
		return nil, err
	}
	defer l.reading.unlock()
	ids, all := l.stale()
	var err error
	if all || l.chats == nil || m.now().Sub(l.at) > chatsKept {
		err = m.readAll(ctx)
	} else {
		err = m.readAgain(ctx, ids)
	}
	if err != nil {
		l.spoil()
		l.chats = nil
		return nil, err
	}
	l.idle.Reset(chatsKept)
	chats := make([]shape.Chat, 0, len(l.chats))
	for _, c := range l.chats {
		chats = append(chats, c)
	}
	slices.SortFunc(chats, func(a, b shape.Chat) int {
		if a.Pinned != b.Pinned {
			if a.Pinned {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Timestamp, a.Timestamp), strings.Compare(a.ID.Serialized, b.ID.Serialized))
	})
	return chats, nil
}

func (m *Mirror) readAll(ctx context.Context) error {
	at := m.now()
	chats, err := m.readChats(ctx)
	if err != nil {
		return err
	}
	byID := make(map[string]shape.Chat, len(chats))
	for _, c := range chats {
		byID[c.ID.Serialized] = c
	}
	m.list.chats, m.list.at = byID, at
	return nil
}

// readAgain reads the chats that have changed. A chat may have another id by now, or be
// gone.
func (m *Mirror) readAgain(ctx context.Context, ids []string) error {
	for _, id := range ids {
		now, err := m.canonical(ctx, id)
		if err == nil {
			err = m.readOne(ctx, id)
		}
		if err == nil && now != id {
			err = m.readOne(ctx, now)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Mirror) readOne(ctx context.Context, id string) error {
	c, err := m.chatAt(ctx, id)
	if errors.Is(err, ErrNotFound) || err == nil && !worthListing(id, c.Timestamp, c.LastMessage != nil) {
		delete(m.list.chats, id)
		return nil
	}
	if err != nil {
		return err
	}
	m.list.chats[id] = c
	return nil
}
