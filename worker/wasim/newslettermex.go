package wasim

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// mexHandlers answer the GraphQL documents about channels, by their ids: those
// of whatsmeow's newsletter.go, and for what whatsmeow does not do those that
// other open clients send.
//
// guess: the answers of the latter have the form of whatsmeow's own (one field
// named xwa2_newsletter_…), which is all that clients look at.
var mexHandlers = map[string]func(*Server, origin, mexVariables) (any, *mexError){
	"6563316087068696":  (*Server).mexInfo,
	"6388546374527196":  (*Server).mexSubscribed,
	"6234210096708695":  (*Server).mexCreate,
	"6274038279359549":  mexMute(true),
	"6068417879924485":  mexMute(false),
	"9926858900719341":  (*Server).mexFollow,
	"6392786840836363":  (*Server).mexUnfollow,
	"7150902998257522":  (*Server).mexUpdate,
	"9800646650009898":  (*Server).mexSubscribers,
	"26125047313831973": (*Server).mexDirectory,
	"26301059626252132": (*Server).mexDirectory,
	"9387141988078609":  (*Server).mexInvite,
	"9580828702035549":  (*Server).mexAcceptInvite,
	"9656078347839416":  (*Server).mexRevokeInvite,
	"7341777602580933":  (*Server).mexChangeOwner,
	"6551828931592903":  (*Server).mexDemote,
	"30062808666639665": (*Server).mexDelete,
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

// mex answers a document, nil when it is not known here.
func (s *Server) mex(from origin, id string, raw []byte) []byte {
	handler := mexHandlers[id]
	if handler == nil {
		return nil
	}
	var request struct {
		Variables mexVariables `json:"variables"`
	}
	if json.Unmarshal(raw, &request) != nil {
		return []byte(`{"errors":[{"message":"bad variables","extensions":{"error_code":400}}]}`)
	}
	data, refused := handler(s, from, request.Variables)
	answer := map[string]any{"data": data}
	if refused != nil {
		answer = map[string]any{"errors": []*mexError{refused}}
	}
	encoded, _ := json.Marshal(answer) // maps and texts do
	return encoded
}

// of finds the channel and what the account is in it; wanted roles, if any, are demanded.
func (s *Server) of(from origin, id string, wanted ...string) (*channel, *mexError) {
	jid, _ := types.ParseJID(id)
	c := s.channel(jid)
	if c == nil {
		return nil, mexRefusal(404, "not found")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, role := range wanted {
		if c.roles[from.account] == role {
			return c, nil
		}
	}
	if len(wanted) > 0 {
		return nil, mexRefusal(403, "forbidden")
	}
	return c, nil
}

// metadata is a channel as types.NewsletterMetadata reads it.
func (c *channel) metadata(viewer *Account) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	micro := strconv.FormatInt(c.created.UnixMicro(), 10)
	thread := map[string]any{
		"creation_time": strconv.FormatInt(c.created.Unix(), 10), "invite": c.code, "subscribers_count": strconv.Itoa(len(c.roles)), "verification": "UNVERIFIED",
		"name": map[string]any{"text": c.name, "id": "1", "update_time": micro}, "description": map[string]any{"text": c.about, "id": "2", "update_time": micro},
		"settings": map[string]any{"reaction_codes": map[string]any{"value": c.reactions}},
	}
	if len(c.image) > 0 {
		path := "/pp/" + c.jid.User
		thread["picture"] = map[string]any{"id": "1", "type": "IMAGE", "direct_path": path, "url": "https://" + path}
	}
	m := map[string]any{"id": c.jid.String(), "state": map[string]any{"type": "ACTIVE"}, "thread_metadata": thread}
	if viewer != nil {
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

func (s *Server) mexInfo(from origin, v mexVariables) (any, *mexError) {
	if v.Input.Type == "INVITE" {
		for _, c := range s.allChannels() {
			if c.code == v.Input.Key {
				return map[string]any{"xwa2_newsletter": c.metadata(nil)}, nil
			}
		}
		return nil, mexRefusal(404, "not found")
	}
	c, refused := s.of(from, v.Input.Key)
	if refused != nil {
		return nil, refused
	}
	return map[string]any{"xwa2_newsletter": c.metadata(from.account)}, nil
}

func (s *Server) mexSubscribed(from origin, _ mexVariables) (any, *mexError) {
	list := []any{}
	for _, c := range s.allChannels() {
		c.mu.Lock()
		mine := c.roles[from.account] != ""
		c.mu.Unlock()
		if mine {
			list = append(list, c.metadata(from.account))
		}
	}
	return map[string]any{"xwa2_newsletter_subscribed": list}, nil
}

func (s *Server) mexCreate(from origin, v mexVariables) (any, *mexError) {
	if v.New.Name == "" || len(v.New.Picture) > 0 && !isPicture(v.New.Picture) {
		return nil, mexRefusal(400, "bad request")
	}
	c := s.makeChannel(from.account, v.New.Name, v.New.Description, v.New.Picture)
	return map[string]any{"xwa2_newsletter_create": c.metadata(from.account)}, nil
}

func mexMute(on bool) func(*Server, origin, mexVariables) (any, *mexError) {
	return func(s *Server, from origin, v mexVariables) (any, *mexError) {
		c, refused := s.of(from, v.ID)
		if refused != nil {
			return nil, refused
		}
		c.mu.Lock()
		c.muted[from.account] = on
		c.mu.Unlock()
		return map[string]any{"xwa2_newsletter_update": c.metadata(nil)}, nil
	}
}

func (s *Server) mexFollow(from origin, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID)
	if refused != nil {
		return nil, refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.roles[from.account] == "" {
		c.roles[from.account] = "subscriber"
	}
	return map[string]any{"xwa2_newsletter_join_v2": map[string]any{"id": v.ID}}, nil
}

func (s *Server) mexUnfollow(from origin, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID, "subscriber", "admin")
	if refused != nil {
		return nil, refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.roles, from.account)
	return map[string]any{"xwa2_newsletter_leave_v2": map[string]any{"id": v.ID}}, nil
}

func (s *Server) mexUpdate(from origin, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID, "owner", "admin")
	if refused != nil {
		return nil, refused
	}
	picture, err := []byte(nil), error(nil)
	if v.Updates.Picture != nil && *v.Updates.Picture != "" {
		if err = json.Unmarshal([]byte(`"`+*v.Updates.Picture+`"`), &picture); err != nil || !isPicture(picture) {
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
	return map[string]any{"xwa2_newsletter_update": c.metadata(nil)}, nil
}

func (s *Server) mexSubscribers(from origin, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.Input.ID, "owner", "admin")
	if refused != nil {
		return nil, refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	edges := []any{}
	for a, role := range c.roles {
		if v.Input.Count == 0 || len(edges) < v.Input.Count {
			edges = append(edges, map[string]any{"node": map[string]any{"id": a.lid.String(), "pn": a.pn.String(), "display_name": a.phone.PushName()}, "role": strings.ToUpper(role)})
		}
	}
	return map[string]any{"xwa2_newsletter_subscribers": map[string]any{"subscribers": map[string]any{"edges": edges}}}, nil
}

func (s *Server) mexDirectory(_ origin, v mexVariables) (any, *mexError) {
	found := []any{}
	for _, c := range s.allChannels() {
		c.mu.Lock()
		fits := strings.Contains(strings.ToLower(c.name), strings.ToLower(v.Input.Text))
		c.mu.Unlock()
		if fits && (v.Input.Limit == 0 || len(found) < v.Input.Limit) {
			found = append(found, c.metadata(nil))
		}
	}
	return map[string]any{"xwa2_newsletters_directory_search": map[string]any{"result": found}}, nil
}

func (s *Server) user(id string) *Account {
	jid, _ := types.ParseJID(id)
	return s.account(jid)
}

func (s *Server) mexInvite(from origin, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID, "owner")
	if refused != nil {
		return nil, refused
	}
	whom := s.user(v.User)
	if whom == nil {
		return nil, mexRefusal(404, "not found")
	}
	until := time.Now().Add(inviteLife)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.invited[whom] = until
	return map[string]any{"xwa2_newsletter_admin_invite_create": map[string]any{"id": v.ID, "invite_expiration_time": strconv.FormatInt(until.Unix(), 10)}}, nil
}

func (s *Server) mexAcceptInvite(from origin, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID)
	if refused != nil {
		return nil, refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if until, ok := c.invited[from.account]; !ok || time.Now().After(until) {
		return nil, mexRefusal(403, "forbidden")
	}
	delete(c.invited, from.account)
	c.roles[from.account] = "admin"
	return map[string]any{"xwa2_newsletter_admin_invite_accept": map[string]any{"id": v.ID}}, nil
}

func (s *Server) mexRevokeInvite(from origin, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID, "owner")
	if refused != nil {
		return nil, refused
	}
	whom := s.user(v.User)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.invited[whom]; !ok {
		return nil, mexRefusal(404, "not found")
	}
	delete(c.invited, whom)
	return map[string]any{"xwa2_newsletter_admin_invite_revoke": map[string]any{"id": v.ID}}, nil
}

func (s *Server) mexChangeOwner(from origin, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID, "owner")
	if refused != nil {
		return nil, refused
	}
	whom := s.user(v.User)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.roles[whom] != "admin" {
		return nil, mexRefusal(403, "forbidden")
	}
	c.roles[whom], c.roles[from.account] = "owner", "admin"
	return map[string]any{"xwa2_newsletter_change_owner": map[string]any{"id": v.ID}}, nil
}

func (s *Server) mexDemote(from origin, v mexVariables) (any, *mexError) {
	whom := s.user(v.User)
	roles := []string{"owner"}
	if whom == from.account {
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

func (s *Server) mexDelete(from origin, v mexVariables) (any, *mexError) {
	c, refused := s.of(from, v.ID, "owner")
	if refused != nil {
		return nil, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.channels, c.jid.User)
	return map[string]any{"xwa2_newsletter_delete_v2": map[string]any{"id": v.ID, "state": map[string]any{"type": "DELETED"}}}, nil
}
