package wasim

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"go.mau.fi/whatsmeow/proto/waE2E"
)

// ErrNoChannel is returned for a channel nobody has.
var ErrNoChannel = errors.New("no such channel")

// channel is one channel, which the protocol calls a newsletter.
type channel struct {
	jid     types.JID
	created time.Time
	code    string // of the invite link

	mu          sync.Mutex
	name, about string
	reactions   string // all, basic, none
	image       []byte
	roles       map[*Account]string // owner, admin, subscriber
	muted       map[*Account]bool
	invited     map[*Account]time.Time // to become an admin, until
	posts       []*Post
}

// Post is a message in a channel.
type Post struct {
	ID        types.MessageID
	ServerID  int
	Message   *waE2E.Message // nil when it was deleted
	At        time.Time
	Views     int
	Reactions map[*Account]string

	kind string
	raw  []byte
}

// ChannelState is what the server holds of a channel.
type ChannelState struct {
	Name, Description, Reactions, Code string
	Picture                            []byte
	Roles                              map[string]string // number → owner, admin, subscriber
	Muted                              map[string]bool
	Invited                            []string // numbers of those who may become admins
	Posts                              []Post   // oldest first
}

// CreateChannel makes a channel that the account owns.
func (a *Account) CreateChannel(name, description string) types.JID {
	return a.server.makeChannel(a, name, description, nil).jid
}

func (s *Server) makeChannel(owner *Account, name, description string, image []byte) *channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.channels == nil {
		s.channels = map[string]*channel{}
	}
	c := &channel{
		jid: types.NewJID(strconv.Itoa(120363100000001000+len(s.channels)*317), types.NewsletterServer), created: time.Now(), code: newInviteCode(),
		name: name, about: description, reactions: "all", image: image,
		roles: map[*Account]string{owner: "owner"}, muted: map[*Account]bool{}, invited: map[*Account]time.Time{},
	}
	s.channels[c.jid.User] = c
	return c
}

func (s *Server) channel(jid types.JID) *channel {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.channels[jid.User]
}

func (s *Server) allChannels() []*channel {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*channel, 0, len(s.channels))
	for _, c := range s.channels {
		all = append(all, c)
	}
	slices.SortFunc(all, func(x, y *channel) int { return strings.Compare(x.jid.User, y.jid.User) })
	return all
}

// Channel returns what the server holds of a channel; false for an unknown one.
func (s *Server) Channel(jid types.JID) (ChannelState, bool) {
	c := s.channel(jid)
	if c == nil {
		return ChannelState{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	state := ChannelState{Name: c.name, Description: c.about, Reactions: c.reactions, Code: c.code, Picture: c.image, Roles: map[string]string{}, Muted: map[string]bool{}}
	for a, role := range c.roles {
		state.Roles[a.Number()] = role
	}
	for a, on := range c.muted {
		state.Muted[a.Number()] = on
	}
	for a := range c.invited {
		state.Invited = append(state.Invited, a.Number())
	}
	for _, p := range c.posts {
		post := *p
		post.Reactions = maps.Clone(p.Reactions)
		state.Posts = append(state.Posts, post)
	}
	return state, true
}

// PostToChannel writes into a channel in the account's name, which must own or
// administer it, and returns the post's number.
func (a *Account) PostToChannel(jid types.JID, text string) (serverID int, err error) {
	c := a.server.channel(jid)
	if c == nil {
		return 0, ErrNoChannel
	}
	raw, err := proto.Marshal(&waE2E.Message{Conversation: &text})
	if err != nil {
		return 0, fmt.Errorf("post to channel: %w", err)
	}
	return a.server.post(c, a, types.MessageID(a.server.nextMessageID()), "text", raw), nil
}

func (s *Server) nextMessageID() string { return "3EB0" + strings.ToUpper(newInviteCode()[:18]) }

// FollowChannel makes the account follow a channel, or with an admin's role
// administer it.
func (a *Account) FollowChannel(jid types.JID, admin bool) error {
	c := a.server.channel(jid)
	if c == nil {
		return ErrNoChannel
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.roles[a] = "subscriber"
	if admin {
		c.roles[a] = "admin"
	}
	return nil
}

// InviteChannelAdmin lets somebody accept to become an admin.
func (a *Account) InviteChannelAdmin(jid types.JID, whom *Account) error {
	c := a.server.channel(jid)
	if c == nil {
		return ErrNoChannel
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.invited[whom] = time.Now().Add(inviteLife)
	return nil
}

// post keeps a message and sends it to all who follow, the author's own other
// devices included.
func (s *Server) post(c *channel, from *Account, id types.MessageID, kind string, raw []byte) int {
	var m waE2E.Message
	if proto.Unmarshal(raw, &m) != nil {
		m = waE2E.Message{}
	}
	c.mu.Lock()
	p := &Post{ID: id, ServerID: 100 + len(c.posts), Message: &m, At: time.Now(), Reactions: map[*Account]string{}, kind: kind, raw: raw}
	c.posts = append(c.posts, p)
	var followers []*Account
	for a := range c.roles {
		followers = append(followers, a)
	}
	c.mu.Unlock()
	for _, a := range followers {
		if a != from {
			a.notify(waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{
				"from": c.jid, "id": id, "server_id": p.ServerID, "t": p.At.Unix(), "type": kind,
			}, Content: []waBinary.Node{{Tag: "plaintext", Content: raw}}}, -1)
		}
	}
	return p.ServerID
}

// routeChannel takes what a client sends into a channel: a post, a reaction, an
// edit, a deletion.
func (s *Server) routeChannel(from origin, to types.JID, node waBinary.Node) waBinary.Attrs {
	c := s.channel(to)
	if c == nil {
		return waBinary.Attrs{"error": 404}
	}
	c.mu.Lock()
	role := c.roles[from.account]
	c.mu.Unlock()
	kind, _ := node.Attrs["type"].(string)
	id, _ := node.Attrs["id"].(string)
	if kind == "reaction" {
		reaction := node.GetChildByTag("reaction")
		code, _ := reaction.Attrs["code"].(string)
		number := int(number(node.Attrs["server_id"]))
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, p := range c.posts {
			if p.ServerID == number {
				if p.Reactions[from.account] = code; code == "" {
					delete(p.Reactions, from.account)
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
	return waBinary.Attrs{"server_id": s.post(c, from.account, id, kind, raw)}
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

// iqNewsletter answers what clients ask about posts.
func (s *Server) iqNewsletter(from origin, iq *waBinary.Node) ([]waBinary.Node, *iqError) {
	child := first(iq)
	jid, ok := child.Attrs["jid"].(types.JID)
	if !ok {
		jid, _ = iq.Attrs["to"].(types.JID)
	}
	c := s.channel(jid)
	if c == nil {
		return nil, errNotFound
	}
	switch child.Tag {
	case "live_updates":
		return []waBinary.Node{{Tag: "live_updates", Attrs: waBinary.Attrs{"duration": 300}}}, nil
	case "messages":
		return []waBinary.Node{c.page(child.Attrs)}, nil
	case "message_updates":
		return []waBinary.Node{{Tag: "message_updates", Content: []waBinary.Node{c.page(child.Attrs)}}}, nil
	}
	return nil, errBadRequest
}

// page holds the newest posts, older than before, oldest first.
func (c *channel) page(attrs waBinary.Attrs) waBinary.Node {
	count, before := int(number(attrs["count"])), int(number(attrs["before"]))
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
		node := waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"server_id": p.ServerID, "id": p.ID, "t": p.At.Unix(), "type": p.kind}, Content: []waBinary.Node{
			{Tag: "plaintext", Content: p.raw}, {Tag: "views_count", Attrs: waBinary.Attrs{"count": p.Views}}, {Tag: "reactions", Content: reactions},
		}}
		nodes = append([]waBinary.Node{node}, nodes...)
	}
	return waBinary.Node{Tag: "messages", Attrs: waBinary.Attrs{"jid": c.jid, "t": time.Now().Unix()}, Content: nodes}
}

// viewed counts views, which clients tell by a receipt.
func (s *Server) viewed(to types.JID, node waBinary.Node) {
	c := s.channel(to)
	if c == nil {
		return
	}
	list := node.GetChildByTag("list")
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, item := range list.GetChildrenByTag("item") {
		for _, p := range c.posts {
			if p.ServerID == int(number(item.Attrs["server_id"])) {
				p.Views++
			}
		}
	}
}

func isPicture(raw []byte) bool {
	_, err := jpeg.DecodeConfig(bytes.NewReader(raw))
	return err == nil
}
