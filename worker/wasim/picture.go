package wasim

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

func (s *Server) iqPicture(from origin, iq *waBinary.Node) ([]waBinary.Node, *iqError) {
	target, ok := iq.Attrs["target"].(types.JID)
	if !ok {
		target, ok = iq.Attrs["to"].(types.JID)
	}
	if ok && target.Server == types.GroupServer && target.User != "" {
		return s.iqGroupPicture(from, target, iq)
	}
	a := from.account
	if ok && target.User != "" {
		if a = s.account(target); a == nil {
			return nil, errNotFound
		}
	}
	child := first(iq)
	if kind, _ := iq.Attrs["type"].(string); kind == "set" {
		if a != from.account {
			return nil, errForbidden
		}
		return s.setPicture(a, child)
	}
	a.mu.Lock()
	id := a.picture
	a.mu.Unlock()
	if id == "" {
		return nil, errNotFound
	}
	if known, _ := child.Attrs["id"].(string); known == id {
		return []waBinary.Node{{Tag: "picture", Attrs: waBinary.Attrs{"status": 304}}}, nil
	}
	return s.pictureAt("/pp/"+a.lid.User, id), nil
}

func (s *Server) pictureAt(path, id string) []waBinary.Node {
	path += "?ccb=" + id
	return []waBinary.Node{{Tag: "picture", Attrs: waBinary.Attrs{
		"id": id, "type": "image", "direct_path": path, "url": "https://" + s.Address() + path,
	}}}
}

// iqGroupPicture answers about a group's picture; any member may see it, and
// change it as they may change the subject.
func (s *Server) iqGroupPicture(from origin, jid types.JID, iq *waBinary.Node) ([]waBinary.Node, *iqError) {
	g := s.group(jid)
	if g == nil {
		return nil, errNotFound
	}
	rank := g.rank(from.account)
	child := first(iq)
	g.mu.Lock()
	id, locked := g.picture, g.flags["locked"]
	g.mu.Unlock()
	if kind, _ := iq.Attrs["type"].(string); kind != "set" {
		switch {
		case rank == "":
			return nil, errNotAuthorized
		case id == "":
			return nil, errNotFound
		}
		return s.pictureAt("/pp/"+g.jid.User, id), nil
	}
	raw, _ := child.Content.([]byte)
	switch {
	case rank == "", rank == "member" && locked:
		return nil, errForbidden
	case child.Tag == "picture" && !isJPEG(raw):
		return nil, errNotAcceptable
	}
	change := waBinary.Node{Tag: "delete", Attrs: waBinary.Attrs{"jid": g.jid, "author": from.account.jid(g.server(), 0)}}
	if id = ""; len(raw) > 0 {
		id = strconv.FormatInt(time.Now().UnixMicro(), 10)
		change.Tag, change.Attrs["id"] = "set", id
	}
	g.mu.Lock()
	g.picture, g.image = id, raw
	g.mu.Unlock()
	for _, account := range g.snapshot() {
		account.notify(s.notification("picture", g.jid, nil, change), -1)
	}
	if id == "" {
		return nil, nil
	}
	return []waBinary.Node{{Tag: "picture", Attrs: waBinary.Attrs{"id": id}}}, nil
}

func isJPEG(raw []byte) bool { return len(raw) > 2 && raw[0] == 0xff && raw[1] == 0xd8 }

func (s *Server) setPicture(a *Account, child waBinary.Node) ([]waBinary.Node, *iqError) {
	raw, _ := child.Content.([]byte)
	if child.Tag == "picture" && !isJPEG(raw) {
		return nil, errNotAcceptable
	}
	id, change := "", waBinary.Node{Tag: "delete", Attrs: waBinary.Attrs{"jid": a.lid}}
	if len(raw) > 0 {
		id = strconv.FormatInt(time.Now().UnixMicro(), 10)
		change = waBinary.Node{Tag: "set", Attrs: waBinary.Attrs{"jid": a.lid, "id": id, "author": a.lid}}
	}
	a.mu.Lock()
	a.picture, a.image = id, raw
	peers := slices.Collect(maps.Keys(a.peers))
	a.mu.Unlock()
	for _, peer := range append(peers, a) {
		peer.notify(s.notification("picture", a.lid, nil, change), -1)
	}
	if id == "" {
		return nil, nil
	}
	return []waBinary.Node{{Tag: "picture", Attrs: waBinary.Attrs{"id": id}}}, nil
}

// servePicture answers the download of a profile picture, which is not encrypted.
func (s *Server) servePicture(w http.ResponseWriter, r *http.Request) {
	var image []byte
	if g := s.group(types.NewJID(r.PathValue("user"), types.GroupServer)); g != nil {
		g.mu.Lock()
		image = g.image
		g.mu.Unlock()
	} else if account := s.account(types.NewJID(r.PathValue("user"), types.HiddenUserServer)); account != nil {
		account.mu.Lock()
		image = account.image
		account.mu.Unlock()
	}
	if len(image) == 0 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Write(image)
}

// Picture returns the account's picture as the server holds it, JPEG, with its
// id; nothing when there is none.
func (a *Account) Picture() (id string, jpeg []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.picture, a.image
}
