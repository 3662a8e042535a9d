package wasim

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/stanza"
)

// picture is a profile picture; its zero value is none.
type picture struct {
	id    string
	image []byte // JPEG
}

func (r *router) iqPicture(from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	target, ok := iq.Attrs["target"].(types.JID)
	if !ok {
		target, ok = iq.Attrs["to"].(types.JID)
	}
	if ok && target.Server == types.GroupServer && target.User != "" {
		return r.iqGroupPicture(from, target, iq)
	}
	a := from.account
	if ok && target.User != "" {
		if a = r.account(target); a == nil {
			return nil, stanza.ErrNotFound
		}
	}
	child := stanza.First(iq)
	if kind, _ := iq.Attrs["type"].(string); kind == "set" {
		if a != from.account {
			return nil, stanza.ErrForbidden
		}
		return r.setPicture(a, child)
	}
	id, _ := a.Picture()
	if id == "" {
		return nil, stanza.ErrNotFound
	}
	if known, _ := child.Attrs["id"].(string); known == id {
		return []waBinary.Node{{Tag: "picture", Attrs: waBinary.Attrs{"status": 304}}}, nil
	}
	return r.pictureAt("/pp/"+a.user.LID.User, id), nil
}

func (r *router) pictureAt(path, id string) []waBinary.Node {
	path += "?ccb=" + id
	return []waBinary.Node{{Tag: "picture", Attrs: waBinary.Attrs{
		"id": id, "type": "image", "direct_path": path, "url": "https://" + r.server.Address() + path,
	}}}
}

// iqGroupPicture answers about a group's picture.
func (r *router) iqGroupPicture(from origin, jid types.JID, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	if kind, _ := iq.Attrs["type"].(string); kind == "set" {
		id, refused := r.groups.SetPicture(from.sender(), jid, stanza.First(iq))
		return pictureSet(id), refused
	}
	id, refused := r.groups.PictureID(from.sender(), jid)
	if refused != nil {
		return nil, refused
	}
	return r.pictureAt("/pp/"+jid.User, id), nil
}

// pictureSet answers a change of a picture.
func pictureSet(id string) []waBinary.Node {
	if id == "" {
		return nil
	}
	return []waBinary.Node{{Tag: "picture", Attrs: waBinary.Attrs{"id": id}}}
}

func (r *router) setPicture(a *Account, child waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	raw, _ := child.Content.([]byte)
	if child.Tag == "picture" && !stanza.IsJPEG(raw) {
		return nil, stanza.ErrNotAcceptable
	}
	id, change := "", waBinary.Node{Tag: "delete", Attrs: waBinary.Attrs{"jid": a.user.LID}}
	if len(raw) > 0 {
		id = strconv.FormatInt(time.Now().UnixMicro(), 10)
		change = waBinary.Node{Tag: "set", Attrs: waBinary.Attrs{"jid": a.user.LID, "id": id, "author": a.user.LID}}
	}
	a.mu.Lock()
	a.picture = picture{id: id, image: raw}
	peers := slices.Collect(maps.Keys(a.peers))
	a.mu.Unlock()
	for _, peer := range append(peers, a) {
		peer.notify(r.notification("picture", a.user.LID, nil, change), -1)
	}
	return pictureSet(id), nil
}

// servePicture answers the download of a profile picture, which is not encrypted.
func (s *Server) servePicture(w http.ResponseWriter, r *http.Request) {
	var image []byte
	name := r.PathValue("user")
	if ofGroup, ok := s.groups.Image(types.NewJID(name, types.GroupServer)); ok {
		image = ofGroup
	} else if account := s.account(types.NewJID(name, types.HiddenUserServer)); account != nil {
		_, image = account.Picture()
	}
	if len(image) == 0 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	_, _ = w.Write(image) // fails only when the client is gone
}

// Picture returns the account's picture as the server holds it, JPEG, with its
// id; nothing when there is none.
func (a *Account) Picture() (id string, jpeg []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.picture.id, a.picture.image
}

// SetPicture gives the account a profile picture with this id; empty: none.
func (a *Account) SetPicture(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.picture = picture{id: id, image: a.picture.image}
}
