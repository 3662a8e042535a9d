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
	path := "/pp/" + a.lid.User + "?ccb=" + id
	return []waBinary.Node{{Tag: "picture", Attrs: waBinary.Attrs{
		"id": id, "type": "image", "direct_path": path, "url": "https://" + s.Address() + path,
	}}}, nil
}

func (s *Server) setPicture(a *Account, child waBinary.Node) ([]waBinary.Node, *iqError) {
	raw, _ := child.Content.([]byte)
	if child.Tag == "picture" && (len(raw) < 3 || raw[0] != 0xff || raw[1] != 0xd8) {
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
	account := s.account(types.NewJID(r.PathValue("user"), types.HiddenUserServer))
	if account == nil {
		http.NotFound(w, r)
		return
	}
	account.mu.Lock()
	image := account.image
	account.mu.Unlock()
	if len(image) == 0 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Write(image)
}
