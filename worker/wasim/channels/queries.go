package channels

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/user"
)

// mexHandlers answer the GraphQL documents about channels, by their ids: those
// of whatsmeow's newsletter.go, and for what whatsmeow does not do those that
// other open clients send.
//
// guess: the answers of the latter have the form of whatsmeow's own (one field
// named xwa2_newsletter_…), which is all that clients look at.
var mexHandlers = map[string]func(*Channels, user.Device, mexVariables) (any, *mexError){
	"6563316087068696":  (*Channels).mexInfo,
	"6388546374527196":  (*Channels).mexSubscribed,
	"6234210096708695":  (*Channels).mexCreate,
	"6274038279359549":  mexMute(true),
	"6068417879924485":  mexMute(false),
	"9926858900719341":  (*Channels).mexFollow,
	"6392786840836363":  (*Channels).mexUnfollow,
	"7150902998257522":  (*Channels).mexUpdate,
	"9800646650009898":  (*Channels).mexSubscribers,
	"26125047313831973": (*Channels).mexDirectory,
	"26301059626252132": (*Channels).mexDirectory,
	"9387141988078609":  (*Channels).mexInvite,
	"9580828702035549":  (*Channels).mexAcceptInvite,
	"9656078347839416":  (*Channels).mexRevokeInvite,
	"7341777602580933":  (*Channels).mexChangeOwner,
	"6551828931592903":  (*Channels).mexDemote,
	"30062808666639665": (*Channels).mexDelete,
}

// mexVariables are the variables of all documents together.
type mexVariables struct {
	ID    string `json:"newsletter_id"`
	User  string `json:"user_id"`
	Input struct {
		Key   string `json:"key"`
		Type  string `json:"type"`
		ID    string `json:"newsletter_id"`
		Count int    `json:"count"`
		Limit int    `json:"limit"`
		Text  string `json:"search_text"`
		View  string `json:"view"`
	} `json:"input"`
	New struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		Picture     []byte `json:"picture"`
	} `json:"newsletter_input"`
	Updates struct {
		Name        *string `json:"name"`
		Description *string `json:"description"`
		Picture     *string `json:"picture"` // base64 JPEG, empty removes it
		Settings    *struct {
			Reactions struct {
				Value string `json:"value"`
			} `json:"reaction_codes"`
		} `json:"settings"`
	} `json:"updates"`
}

type mexError struct {
	Message    string `json:"message"`
	Extensions struct {
		Code int `json:"error_code"`
	} `json:"extensions"`
}

func mexRefusal(code int, text string) *mexError {
	e := &mexError{Message: text}
	e.Extensions.Code = code
	return e
}

// Answers tells whether a GraphQL document, by its id, is about channels.
func Answers(id string) bool { return mexHandlers[id] != nil }

// Query answers a GraphQL document that is about channels.
func (s *Channels) Query(from user.Device, id string, raw []byte) []byte {
	var request struct {
		Variables mexVariables `json:"variables"`
	}
	if json.Unmarshal(raw, &request) != nil {
		return []byte(`{"errors":[{"message":"bad variables","extensions":{"error_code":400}}]}`)
	}
	data, refused := mexHandlers[id](s, from, request.Variables)
	answer := map[string]any{"data": data}
	if refused != nil {
		answer = map[string]any{"errors": []*mexError{refused}}
	}
	encoded, _ := json.Marshal(answer) // maps and texts do
	return encoded
}

// of finds a channel. If roles are wanted, the sender must have one of them in it.
func (s *Channels) of(from user.Device, id string, wanted ...string) (*channel, *mexError) {
	jid, _ := types.ParseJID(id)
	c := s.channel(jid)
	if c == nil {
		return nil, mexRefusal(404, "not found")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(wanted, c.roles[from.User]) {
		return c, nil
	}
	if len(wanted) > 0 {
		return nil, mexRefusal(403, "forbidden")
	}
	return c, nil
}

// metadata is a channel as types.NewsletterMetadata reads it, with the role of the
// viewer unless that is nobody.
func (c *channel) metadata(viewer user.User) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	micro := strconv.FormatInt(c.created.UnixMicro(), 10)
	thread := map[string]any{
		"creation_time":     strconv.FormatInt(c.created.Unix(), 10),
		"invite":            c.code,
		"subscribers_count": strconv.Itoa(len(c.roles)),
		"verification":      "UNVERIFIED",
		"name":              map[string]any{"text": c.name, "id": "1", "update_time": micro},
		"description":       map[string]any{"text": c.about, "id": "2", "update_time": micro},
		"settings":          map[string]any{"reaction_codes": map[string]any{"value": c.reactions}},
	}
	if len(c.image) > 0 {
		path := "/pp/" + c.jid.User
		thread["picture"] = map[string]any{"id": "1", "type": "IMAGE", "direct_path": path, "url": "https://" + path}
	}
	m := map[string]any{"id": c.jid.String(), "state": map[string]any{"type": "ACTIVE"}, "thread_metadata": thread}
	if viewer != (user.User{}) {
		role, mute := c.roles[viewer], "OFF"
		if role == "" {
			role = "guest"
		}
		if c.muted[viewer] {
			mute = "ON"
		}
		m["viewer_metadata"] = map[string]any{"role": strings.ToUpper(role), "mute": mute}
	}
	return m
}

func (s *Channels) mexInfo(from user.Device, v mexVariables) (any, *mexError) {
	if v.Input.Type == "INVITE" {
		for _, c := range s.all() {
			if c.code == v.Input.Key {
				return map[string]any{"xwa2_newsletter": c.metadata(user.User{})}, nil
			}
		}
		return nil, mexRefusal(404, "not found")
	}
	c, refused := s.of(from, v.Input.Key)
	if refused != nil {
		return nil, refused
	}
	return map[string]any{"xwa2_newsletter": c.metadata(from.User)}, nil
}

func (s *Channels) mexSubscribed(from user.Device, _ mexVariables) (any, *mexError) {
	list := []any{}
	for _, c := range s.all() {
		c.mu.Lock()
		mine := c.roles[from.User] != ""
		c.mu.Unlock()
		if mine {
			list = append(list, c.metadata(from.User))
		}
	}
	return map[string]any{"xwa2_newsletter_subscribed": list}, nil
}

func (s *Channels) mexCreate(from user.Device, v mexVariables) (any, *mexError) {
	if v.New.Name == "" || len(v.New.Picture) > 0 && !isPicture(v.New.Picture) {
		return nil, mexRefusal(400, "bad request")
	}
	c := s.create(from.User, v.New.Name, v.New.Description, v.New.Picture)
	return map[string]any{"xwa2_newsletter_create": c.metadata(from.User)}, nil
}

func mexMute(on bool) func(*Channels, user.Device, mexVariables) (any, *mexError) {
	return func(s *Channels, from user.Device, v mexVariables) (any, *mexError) {
		c, refused := s.of(from, v.ID)
		if refused != nil {
			return nil, refused
		}
		c.mu.Lock()
		c.muted[from.User] = on
		c.mu.Unlock()
		return map[string]any{"xwa2_newsletter_update": c.metadata(user.User{})}, nil
	}
}

func (s *Channels) mexFollow(from user.Device, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID)
	if refused != nil {
		return nil, refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.roles[from.User] == "" {
		c.roles[from.User] = "subscriber"
	}
	return map[string]any{"xwa2_newsletter_join_v2": map[string]any{"id": v.ID}}, nil
}

func (s *Channels) mexUnfollow(from user.Device, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID, "subscriber", "admin")
	if refused != nil {
		return nil, refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.roles, from.User)
	return map[string]any{"xwa2_newsletter_leave_v2": map[string]any{"id": v.ID}}, nil
}

func (s *Channels) mexUpdate(from user.Device, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID, "owner", "admin")
	if refused != nil {
		return nil, refused
	}
	var picture []byte
	if v.Updates.Picture != nil && *v.Updates.Picture != "" {
		if err := json.Unmarshal([]byte(`"`+*v.Updates.Picture+`"`), &picture); err != nil || !isPicture(picture) {
			return nil, mexRefusal(406, "not acceptable")
		}
	}
	c.mu.Lock()
	if v.Updates.Name != nil {
		c.name = *v.Updates.Name
	}
	if v.Updates.Description != nil {
		c.about = *v.Updates.Description
	}
	if v.Updates.Picture != nil {
		c.image = picture
	}
	if v.Updates.Settings != nil {
		c.reactions = strings.ToLower(v.Updates.Settings.Reactions.Value)
	}
	c.mu.Unlock()
	return map[string]any{"xwa2_newsletter_update": c.metadata(user.User{})}, nil
}

func (s *Channels) mexSubscribers(from user.Device, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.Input.ID, "owner", "admin")
	if refused != nil {
		return nil, refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	edges := []any{}
	for u, role := range c.roles {
		if v.Input.Count == 0 || len(edges) < v.Input.Count {
			edges = append(edges, map[string]any{
				"node": map[string]any{
					"id": u.LID.String(), "pn": u.PN.String(), "display_name": s.directory.PushName(u),
				},
				"role": strings.ToUpper(role),
			})
		}
	}
	subscribers := map[string]any{"subscribers": map[string]any{"edges": edges}}
	return map[string]any{"xwa2_newsletter_subscribers": subscribers}, nil
}

func (s *Channels) mexDirectory(_ user.Device, v mexVariables) (any, *mexError) {
	found := []any{}
	for _, c := range s.all() {
		c.mu.Lock()
		fits := strings.Contains(strings.ToLower(c.name), strings.ToLower(v.Input.Text))
		c.mu.Unlock()
		if fits && (v.Input.Limit == 0 || len(found) < v.Input.Limit) {
			found = append(found, c.metadata(user.User{}))
		}
	}
	return map[string]any{"xwa2_newsletters_directory_search": map[string]any{"result": found}}, nil
}

// find is the user with a JID; the zero value for nobody, who has no role anywhere.
func (s *Channels) find(id string) user.User {
	jid, _ := types.ParseJID(id)
	u, _ := s.directory.Find(jid)
	return u
}

func (s *Channels) mexInvite(from user.Device, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID, "owner")
	if refused != nil {
		return nil, refused
	}
	whom := s.find(v.User)
	if whom == (user.User{}) {
		return nil, mexRefusal(404, "not found")
	}
	until := time.Now().Add(inviteLife)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.invited[whom] = until
	invite := map[string]any{"id": v.ID, "invite_expiration_time": strconv.FormatInt(until.Unix(), 10)}
	return map[string]any{"xwa2_newsletter_admin_invite_create": invite}, nil
}

func (s *Channels) mexAcceptInvite(from user.Device, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID)
	if refused != nil {
		return nil, refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if until, ok := c.invited[from.User]; !ok || time.Now().After(until) {
		return nil, mexRefusal(403, "forbidden")
	}
	delete(c.invited, from.User)
	c.roles[from.User] = "admin"
	return map[string]any{"xwa2_newsletter_admin_invite_accept": map[string]any{"id": v.ID}}, nil
}

func (s *Channels) mexRevokeInvite(from user.Device, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID, "owner")
	if refused != nil {
		return nil, refused
	}
	whom := s.find(v.User)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.invited[whom]; !ok {
		return nil, mexRefusal(404, "not found")
	}
	delete(c.invited, whom)
	return map[string]any{"xwa2_newsletter_admin_invite_revoke": map[string]any{"id": v.ID}}, nil
}

func (s *Channels) mexChangeOwner(from user.Device, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID, "owner")
	if refused != nil {
		return nil, refused
	}
	whom := s.find(v.User)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.roles[whom] != "admin" {
		return nil, mexRefusal(403, "forbidden")
	}
	c.roles[whom], c.roles[from.User] = "owner", "admin"
	return map[string]any{"xwa2_newsletter_change_owner": map[string]any{"id": v.ID}}, nil
}

func (s *Channels) mexDemote(from user.Device, v mexVariables) (any, *mexError) {
	whom := s.find(v.User)
	roles := []string{"owner"}
	if whom == from.User {
		roles = []string{"admin"}
	}
	c, refused := s.of(from, v.ID, roles...)
	if refused != nil {
		return nil, refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.roles[whom] != "admin" {
		return nil, mexRefusal(404, "not found")
	}
	c.roles[whom] = "subscriber"
	return map[string]any{"xwa2_newsletter_admin_demote": map[string]any{"id": v.ID}}, nil
}

func (s *Channels) mexDelete(from user.Device, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID, "owner")
	if refused != nil {
		return nil, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.channels, c.jid.User)
	deleted := map[string]any{"id": v.ID, "state": map[string]any{"type": "DELETED"}}
	return map[string]any{"xwa2_newsletter_delete_v2": deleted}, nil
}
