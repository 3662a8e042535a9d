package channels

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim/user"
)

// Directory says who is who.
type Directory interface {
	// Find returns the user that a JID means; false when there is none.
	Find(jid types.JID) (user.User, bool)
	// PushName is the name that a user shows to others.
	PushName(u user.User) string
}

// Delivery brings stanzas to devices.
type Delivery interface {
	// Notify hands a stanza to all devices of a user but the phone.
	Notify(to user.User, node waBinary.Node)
}

// inviteLife is how long somebody may accept to become an admin.
const inviteLife = 72 * time.Hour

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
	roles       map[user.User]string // owner, admin, subscriber
	muted       map[user.User]bool
	invited     map[user.User]time.Time // to become an admin, until
	posts       []*Post
}

// Post is a message in a channel.
type Post struct {
	ID        types.MessageID
	ServerID  int
	Message   *waE2E.Message // nil when it was deleted
	At        time.Time
	Views     int
	Reactions map[string]string // number → emoji

	kind string
	raw  []byte
}

// State is what the server holds of a channel.
type State struct {
	Name, Description, Reactions, Code string
	Picture                            []byte
	Roles                              map[string]string // number → owner, admin, subscriber
	Muted                              map[string]bool
	Invited                            []string // numbers of those who may become admins
	Posts                              []Post   // oldest first
}

// Channels are all channels of a simulator. All methods may be called at the same
// time.
type Channels struct {
	directory Directory
	delivery  Delivery

	mu       sync.RWMutex
	channels map[string]*channel // by the user part of the JID
}

// New returns no channels yet.
func New(directory Directory, delivery Delivery) *Channels {
	return &Channels{directory: directory, delivery: delivery, channels: make(map[string]*channel)}
}

// Create makes a channel that a user owns and returns its JID.
func (s *Channels) Create(owner user.User, name, description string) types.JID {
	return s.create(owner, name, description, nil).jid
}

func (s *Channels) create(owner user.User, name, description string, image []byte) *channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &channel{
		jid:     types.NewJID(strconv.Itoa(120363100000001000+len(s.channels)*317), types.NewsletterServer),
		created: time.Now(), code: newCode(), name: name, about: description, reactions: "all", image: image,
		roles: map[user.User]string{owner: "owner"}, muted: map[user.User]bool{}, invited: map[user.User]time.Time{},
	}
	s.channels[c.jid.User] = c
	return c
}

func newCode() string { return rand.Text()[:22] }

func (s *Channels) channel(jid types.JID) *channel {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.channels[jid.User]
}

// all lists the channels in the order of their creation.
func (s *Channels) all() []*channel {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := slices.Collect(maps.Values(s.channels))
	slices.SortFunc(all, func(x, y *channel) int { return strings.Compare(x.jid.User, y.jid.User) })
	return all
}

// State returns what the server holds of a channel; false for an unknown one.
func (s *Channels) State(jid types.JID) (State, bool) {
	c := s.channel(jid)
	if c == nil {
		return State{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	state := State{
		Name: c.name, Description: c.about, Reactions: c.reactions, Code: c.code, Picture: c.image,
		Roles: map[string]string{}, Muted: map[string]bool{},
	}
	for u, role := range c.roles {
		state.Roles[u.Number()] = role
	}
	for u, on := range c.muted {
		state.Muted[u.Number()] = on
	}
	for u := range c.invited {
		state.Invited = append(state.Invited, u.Number())
	}
	for _, p := range c.posts {
		post := *p
		post.Reactions = maps.Clone(p.Reactions)
		state.Posts = append(state.Posts, post)
	}
	return state, true
}

// Post writes into a channel in a user's name and returns the post's number. It
// does not ask for the user's role.
func (s *Channels) Post(author user.User, jid types.JID, text string) (serverID int, err error) {
	c := s.channel(jid)
	if c == nil {
		return 0, ErrNoChannel
	}
	raw, err := proto.Marshal(&waE2E.Message{Conversation: &text})
	if err != nil {
		return 0, fmt.Errorf("post to channel: %w", err)
	}
	return s.post(c, author, "3EB0"+strings.ToUpper(newCode()[:18]), "text", raw), nil
}

// Follow makes a user follow a channel, or with an admin's role administer it.
func (s *Channels) Follow(u user.User, jid types.JID, admin bool) error {
	c := s.channel(jid)
	if c == nil {
		return ErrNoChannel
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.roles[u] = "subscriber"
	if admin {
		c.roles[u] = "admin"
	}
	return nil
}

// InviteAdmin lets somebody accept to become an admin.
func (s *Channels) InviteAdmin(jid types.JID, whom user.User) error {
	c := s.channel(jid)
	if c == nil {
		return ErrNoChannel
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.invited[whom] = time.Now().Add(inviteLife)
	return nil
}
