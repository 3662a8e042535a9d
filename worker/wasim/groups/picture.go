package groups

import (
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/stanza"
	"whatsapp-manager/worker/wasim/user"
)

// PictureID is the id of a group's picture, empty without one; only members may
// ask for it.
func (s *Groups) PictureID(from user.Device, jid types.JID) (id string, refused *stanza.Error) {
	g := s.group(jid)
	if g == nil {
		return "", stanza.ErrNotFound
	}
	g.mu.Lock()
	id = g.picture
	g.mu.Unlock()
	switch {
	case !g.has(from.User):
		return "", stanza.ErrNotAuthorized
	case id == "":
		return "", stanza.ErrNotFound
	}
	return id, nil
}

// SetPicture changes a group's picture or removes it, notifies the members and
// returns the new id, empty without a picture. Members may change it as they may
// change the subject.
func (s *Groups) SetPicture(
	from user.Device, jid types.JID, child waBinary.Node,
) (id string, refused *stanza.Error) {
	g := s.group(jid)
	if g == nil {
		return "", stanza.ErrNotFound
	}
	rank := g.rank(from.User)
	g.mu.Lock()
	locked := g.flags["locked"]
	g.mu.Unlock()
	raw, _ := child.Content.([]byte)
	switch {
	case rank == "", rank == "member" && locked:
		return "", stanza.ErrForbidden
	case child.Tag == "picture" && !stanza.IsJPEG(raw):
		return "", stanza.ErrNotAcceptable
	}
	change := waBinary.Node{Tag: "delete", Attrs: waBinary.Attrs{"jid": g.jid, "author": from.User.JID(g.server(), 0)}}
	if len(raw) > 0 {
		id = strconv.FormatInt(time.Now().UnixMicro(), 10)
		change.Tag, change.Attrs["id"] = "set", id
	}
	g.mu.Lock()
	g.picture, g.image = id, raw
	g.mu.Unlock()
	for _, u := range g.users() {
		s.delivery.Notify(u, s.delivery.Notification("picture", g.jid, nil, change))
	}
	return id, nil
}

// Image is a group's picture as JPEG, nothing without one; false for an unknown
// group.
func (s *Groups) Image(jid types.JID) (image []byte, ok bool) {
	g := s.group(jid)
	if g == nil {
		return nil, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.image, true
}
