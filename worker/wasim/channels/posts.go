package channels

import (
	"bytes"
	"image/jpeg"
	"maps"
	"slices"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim/stanza"
	"whatsapp-manager/worker/wasim/user"
)

// Record keeps a message in a channel and sends it to nobody. An edit or a deletion, as the edit
// attribute says, changes the post with that id instead.
func (s *Channels) Record(
	jid types.JID, id types.MessageID, kind, edit string, raw []byte,
) (serverID int, err error) {
	c := s.channel(jid)
	if c == nil {
		return 0, ErrNoChannel
	}
	switch edit {
	case string(types.EditAttributeAdminEdit), string(types.EditAttributeAdminRevoke):
		number, known := c.change(id, edit == string(types.EditAttributeAdminRevoke), raw)["server_id"].(int)
		if known {
			return number, nil
		}
	}
	p, _ := c.keep(id, kind, raw)
	return p.ServerID, nil
}

// keep adds a post and returns it, and who follows.
func (c *channel) keep(id types.MessageID, kind string, raw []byte) (*Post, []user.User) {
	var m waE2E.Message
	if proto.Unmarshal(raw, &m) != nil {
		m = waE2E.Message{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &Post{
		ID: id, ServerID: 100 + len(c.posts), Message: &m, At: time.Now(), Reactions: map[string]string{},
		kind: kind, raw: raw,
	}
	c.posts = append(c.posts, p)
	return p, slices.Collect(maps.Keys(c.roles))
}

// post keeps a message and sends it to all followers except the author.
func (s *Channels) post(c *channel, from user.User, id types.MessageID, kind string, raw []byte) int {
	p, followers := c.keep(id, kind, raw)
	for _, u := range followers {
		if u != from {
			s.delivery.Notify(u, waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{
				"from": c.jid, "id": id, "server_id": p.ServerID, "t": p.At.Unix(), "type": kind,
			}, Content: []waBinary.Node{{Tag: "plaintext", Content: raw}}})
		}
	}
	return p.ServerID
}

// Route takes what a client sends into a channel: a post, a reaction, an edit, a
// deletion. It returns what goes into the ack.
func (s *Channels) Route(from user.Device, to types.JID, node waBinary.Node) waBinary.Attrs {
	c := s.channel(to)
	if c == nil {
		return waBinary.Attrs{"error": 404}
	}
	c.mu.Lock()
	role := c.roles[from.User]
	c.mu.Unlock()
	kind, _ := node.Attrs["type"].(string)
	id, _ := node.Attrs["id"].(string)
	if kind == "reaction" {
		reaction := node.GetChildByTag("reaction")
		code, _ := reaction.Attrs["code"].(string)
		number := int(stanza.Number(node.Attrs["server_id"]))
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, p := range c.posts {
			if p.ServerID == number {
				if p.Reactions[from.User.Number()] = code; code == "" {
					delete(p.Reactions, from.User.Number())
				}
				return waBinary.Attrs{"server_id": number}
			}
		}
		return waBinary.Attrs{"error": 404}
	}
	if role != "owner" && role != "admin" {
		return waBinary.Attrs{"error": 401}
	}
	plain := node.GetChildByTag("plaintext")
	raw, _ := plain.Content.([]byte)
	switch edit, _ := node.Attrs["edit"].(string); edit {
	case string(types.EditAttributeAdminEdit), string(types.EditAttributeAdminRevoke):
		return c.change(id, edit == string(types.EditAttributeAdminRevoke), raw)
	}
	return waBinary.Attrs{"server_id": s.post(c, from.User, id, kind, raw)}
}

func (c *channel) change(id string, gone bool, raw []byte) waBinary.Attrs {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.posts {
		if p.ID != id {
			continue
		}
		if p.raw = raw; gone {
			p.Message, p.raw = nil, nil
		} else if m := (&waE2E.Message{}); proto.Unmarshal(raw, m) == nil {
			p.Message = m
		}
		return waBinary.Attrs{"server_id": p.ServerID}
	}
	return waBinary.Attrs{"error": 404}
}

// Answer answers what clients ask about posts.
func (s *Channels) Answer(iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	child := stanza.First(iq)
	jid, ok := child.Attrs["jid"].(types.JID)
	if !ok {
		jid, _ = iq.Attrs["to"].(types.JID)
	}
	c := s.channel(jid)
	if c == nil {
		return nil, stanza.ErrNotFound
	}
	switch child.Tag {
	case "live_updates":
		return []waBinary.Node{{Tag: "live_updates", Attrs: waBinary.Attrs{"duration": 300}}}, nil
	case "messages":
		return []waBinary.Node{c.page(child.Attrs)}, nil
	case "message_updates":
		return []waBinary.Node{{Tag: "message_updates", Content: []waBinary.Node{c.page(child.Attrs)}}}, nil
	}
	return nil, stanza.ErrBadRequest
}

// page holds the newest posts, older than before, oldest first.
func (c *channel) page(attrs waBinary.Attrs) waBinary.Node {
	count, before := int(stanza.Number(attrs["count"])), int(stanza.Number(attrs["before"]))
	c.mu.Lock()
	defer c.mu.Unlock()
	var nodes []waBinary.Node
	for _, p := range slices.Backward(c.posts) {
		if before != 0 && p.ServerID >= before || count != 0 && len(nodes) >= count {
			continue
		}
		counts := map[string]int{}
		for _, code := range p.Reactions {
			counts[code]++
		}
		var reactions []waBinary.Node
		for code, n := range counts {
			reactions = append(reactions, waBinary.Node{Tag: "reaction", Attrs: waBinary.Attrs{"code": code, "count": n}})
		}
		node := waBinary.Node{
			Tag:   "message",
			Attrs: waBinary.Attrs{"server_id": p.ServerID, "id": p.ID, "t": p.At.Unix(), "type": p.kind},
			Content: []waBinary.Node{
				{Tag: "plaintext", Content: p.raw},
				{Tag: "views_count", Attrs: waBinary.Attrs{"count": p.Views}},
				{Tag: "reactions", Content: reactions},
			},
		}
		nodes = append([]waBinary.Node{node}, nodes...)
	}
	return waBinary.Node{Tag: "messages", Attrs: waBinary.Attrs{"jid": c.jid, "t": time.Now().Unix()}, Content: nodes}
}

// CountViews counts the views that a client tells by a receipt.
func (s *Channels) CountViews(to types.JID, node waBinary.Node) {
	c := s.channel(to)
	if c == nil {
		return
	}
	list := node.GetChildByTag("list")
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, item := range list.GetChildrenByTag("item") {
		for _, p := range c.posts {
			if p.ServerID == int(stanza.Number(item.Attrs["server_id"])) {
				p.Views++
			}
		}
	}
}

func isPicture(raw []byte) bool {
	_, err := jpeg.DecodeConfig(bytes.NewReader(raw))
	return err == nil
}
