package reachout

import (
	"encoding/json"
	"strconv"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// Refusal is the error of the ack for a message that the lock forbids.
const Refusal = 463

// Lock is that of one account. The zero value is open. All methods may be called at the
// same time.
type Lock struct {
	mu    sync.Mutex
	until time.Time
	heard map[string]struct{} // who has written, by number
}

// Close puts the lock in force until a time; a time that is past opens it.
func (l *Lock) Close(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = until
}

// Hear notes that somebody wrote to the account.
func (l *Lock) Hear(number string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heard == nil {
		l.heard = map[string]struct{}{}
	}
	l.heard[number] = struct{}{}
}

// Forbids tells whether the account may not write to somebody at a time.
func (l *Lock) Forbids(number string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, heard := l.heard[number]
	return now.Before(l.until) && !heard
}

// Update is the content of the notification in which WhatsApp tells of a lock until a
// time, or, when that is past, of its end.
func Update(until, now time.Time) waBinary.Node {
	said := map[string]any{"is_active": until.After(now)}
	if until.After(now) {
		said["enforcement_type"] = "RESTRICTED_NEW_CHATS"
		said["time_enforcement_ends"] = strconv.FormatInt(until.Unix(), 10)
	}
	body, err := json.Marshal(map[string]any{"data": map[string]any{"xwa2_notify_account_reachout_timelock": said}})
	if err != nil {
		panic(err) // texts and a boolean
	}
	return waBinary.Node{
		Tag: "update", Attrs: waBinary.Attrs{"op_name": "NotificationUserReachoutTimelockUpdate"}, Content: body,
	}
}
