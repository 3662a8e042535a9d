package phone

import (
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// recentSize is how many sent messages a phone can send again.
const recentSize = 512

// sentMessage is what a retry receipt may ask for again.
type sentMessage struct {
	to      types.JID // LID of the peer, or the group
	message *waE2E.Message
	peer    bool // a peer message to an own companion
	at      time.Time
	retries map[types.JID]int
}

// recent remembers the last messages a phone sent, oldest dropped first.
type recent struct {
	byID  map[types.MessageID]*sentMessage
	order []types.MessageID
	next  int
}

func (r *recent) add(id types.MessageID, m *sentMessage) {
	if r.byID == nil {
		r.byID = make(map[types.MessageID]*sentMessage)
	}
	if _, again := r.byID[id]; again {
		r.byID[id] = m
		return
	}
	if len(r.order) < recentSize {
		r.order = append(r.order, id)
	} else {
		delete(r.byID, r.order[r.next])
		r.order[r.next] = id
		r.next = (r.next + 1) % recentSize
	}
	r.byID[id] = m
}
