package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

// notify makes the event of one change in a group. whatsmeow drops the id of WhatsApp's
// notification, so the id is computed from the content of the notification, which is the
// same in a redelivery.
func (w *writer) notify(ctx context.Context, chat string, place int, n inbound.GroupNotice) error {
	said := fmt.Sprintf("%s|%s|%s|%d|%s|%d|%s", chat, n.Type, n.By, n.At.Unix(), n.Body, place, strings.Join(n.Whom, ","))
	if n.Version != "" {
		said += "|" + n.Version
	}
	sum := sha256.Sum256([]byte(said))
	id := strings.ToUpper(hex.EncodeToString(sum[:10]))
	whom := n.Whom
	if whom == nil {
		whom = []string{}
	}
	notice := shape.GroupNotification{
		ID:        shape.NewMessageID(n.By != "" && n.By == w.me(), chat, id, n.By, w.me()),
		Body:      n.Body,
		Type:      n.Type,
		Timestamp: n.At.Unix(),
		ChatID:    chat, Author: n.By, RecipientIDs: slices.Clone(whom),
	}
	people, names := naming{}, make([]string, len(whom))
	for i, person := range whom {
		people.at(person, &names[i])
	}
	if n.By != w.me() {
		people.at(n.By, &notice.Username)
	}
	told := slices.Clone(whom)
	people.identified(func(p shape.Pairs) { notice.Identify(p, w.me()) }, append(told, n.By)...)
	if err := w.name(ctx, people); err != nil {
		return err
	}
	for i, name := range names {
		if name != "" {
			if notice.RecipientUsernames == nil {
				notice.RecipientUsernames = map[string]string{}
			}
			notice.RecipientUsernames[notice.RecipientIDs[i]] = name
		}
	}
	return w.emit("group:"+id, n.Event, chat, time.Time{}, notice)
}
