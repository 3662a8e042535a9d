package wasim

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Typing is what an account was shown of somebody in a chat.
type Typing struct {
	Chat, From types.JID
	State      string // composing, paused
	Media      string // audio while recording
}

// typingKept bounds what an account remembers.
const typingKept = 64

// Typing lists the newest states of typing that the account was shown, oldest first.
func (a *Account) Typing() []Typing {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Typing(nil), a.typing...)
}

func (a *Account) shown(relayed waBinary.Node) {
	chat, _ := relayed.Attrs["from"].(types.JID)
	from, ok := relayed.Attrs["participant"].(types.JID)
	if !ok {
		from = chat
	}
	state := first(&relayed)
	media, _ := state.Attrs["media"].(string)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.typing = append(a.typing, Typing{Chat: chat, From: from, State: state.Tag, Media: media})
	if len(a.typing) > typingKept {
		a.typing = a.typing[1:]
	}
}
