package shape

import (
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/message"
)

// Album is what holds messages together: an album says how many pictures and videos follow,
// and each of them names the album. AssociationType is a name of the protocol: MEDIA_ALBUM,
// HD_IMAGE_DUAL_UPLOAD, MOTION_PHOTO and others.
type Album struct {
	ExpectedImageCount *uint32    `json:"expectedImageCount,omitempty"`
	ExpectedVideoCount *uint32    `json:"expectedVideoCount,omitempty"`
	AssociationType    string     `json:"associationType,omitempty"`
	ParentMsgKey       *MessageID `json:"parentMsgKey,omitempty"`
	MessageIndex       *int32     `json:"messageIndex,omitempty"` // ours: the place among its siblings
}

func (d *Data) album(a *waE2E.AlbumMessage) {
	d.ExpectedImageCount, d.ExpectedVideoCount = a.ExpectedImageCount, a.ExpectedVideoCount
}

// related writes which other messages this one belongs to.
func (m *Message) related(s Source, c message.Content) {
	if a := c.Association; a != nil {
		m.Data.AssociationType = a.GetAssociationType().String()
		m.Data.ParentMsgKey = s.key(a.GetParentMessageKey())
		m.Data.MessageIndex = a.MessageIndex
	}
	m.Data.about(s, c)
}

// key is the id of the message that a key names; nil for none. Keys are written from the
// point of view of their sender, and name messages of the same chat.
func (s Source) key(key *waCommon.MessageKey) *MessageID {
	if key.GetID() == "" {
		return nil
	}
	author, fromMe := s.Me, true
	switch {
	case key.GetFromMe():
		author, fromMe = s.Sender, s.FromMe
	case key.GetParticipant() != "":
		author = jidText(key.GetParticipant())
		fromMe = author == s.Me
	case s.FromMe:
		author, fromMe = s.Chat, false
	}
	id := NewMessageID(fromMe, s.Chat, key.GetID(), author, s.Me)
	return &id
}
