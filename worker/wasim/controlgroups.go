package wasim

import (
	"net/http"

	"go.mau.fi/whatsmeow/types"
)

// groupView is a group in the control API.
type groupView struct {
	JID        string   `json:"jid"`
	Name       string   `json:"name"`
	Members    []string `json:"members"`
	Addressing string   `json:"addressing"`

	Admins      []string `json:"admins"`
	Description string   `json:"description,omitempty"`
	Announce    bool     `json:"announce"`
	Restrict    bool     `json:"restrict"`
	AddMode     string   `json:"addMode"`
	Approval    bool     `json:"approval"`
	Code        string   `json:"code"`
	Picture     bool     `json:"picture"`
	Requests    []string `json:"requests"`
}

func (g *group) view() groupView {
	g.mu.Lock()
	defer g.mu.Unlock()
	view := groupView{JID: g.jid.String(), Name: g.subject, Members: []string{}, Addressing: g.mode(), Admins: []string{},
		Announce: g.flags["announcement"], Restrict: g.flags["locked"], AddMode: g.addMode, Approval: g.approval, Code: g.code, Picture: g.picture != "", Requests: []string{}}
	if g.topic != nil {
		view.Description = g.topic.text
	}
	for _, r := range g.requests {
		view.Requests = append(view.Requests, r.account.Number())
	}
	for _, m := range g.members {
		view.Members = append(view.Members, m.account.Number())
		if m.rank != "" {
			view.Admins = append(view.Admins, m.account.Number())
		}
	}
	return view
}

func (s *Server) controlGroups(*http.Request) (int, any, error) {
	views := []groupView{}
	for _, g := range s.allGroups() {
		views = append(views, g.view())
	}
	return http.StatusOK, map[string]any{"groups": views}, nil
}

func (s *Server) controlCreateGroup(r *http.Request) (int, any, error) {
	var request struct {
		Name    string   `json:"name"`
		Members []string `json:"members"`
	}
	if err := decode(r, &request); err != nil {
		return 0, nil, err
	}
	members, err := s.namedAll(request.Members)
	if err != nil {
		return 0, nil, err
	}
	if len(members) == 0 {
		return 0, nil, wrongf("members: at least one is needed")
	}
	jid, err := s.CreateGroup(request.Name, members...)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, s.group(jid).view(), nil
}

func (s *Server) controlMembers(r *http.Request) (int, any, error) {
	jid, err := types.ParseJID(r.PathValue("jid"))
	if err != nil {
		return 0, nil, wrongf("%q is no JID", r.PathValue("jid"))
	}
	var request struct {
		Add    []string `json:"add"`
		Remove []string `json:"remove"`
	}
	if err = decode(r, &request); err != nil {
		return 0, nil, err
	}
	add, err := s.namedAll(request.Add)
	if err != nil {
		return 0, nil, err
	}
	remove, err := s.namedAll(request.Remove)
	if err != nil {
		return 0, nil, err
	}
	if err = s.AddToGroup(jid, add...); err != nil {
		return 0, nil, err
	}
	if err = s.RemoveFromGroup(jid, remove...); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, s.group(jid).view(), nil
}

// controlGroup switches approval, lets accounts join by the link, or makes a
// private invitation.
func (s *Server) controlGroup(r *http.Request) (int, any, error) {
	jid, err := types.ParseJID(r.PathValue("jid"))
	if err != nil {
		return 0, nil, wrongf("%q is no JID", r.PathValue("jid"))
	}
	var request struct {
		Approval *bool    `json:"approval"`
		Join     []string `json:"join"`
		Invite   *struct {
			From string `json:"from"`
			To   string `json:"to"`
		} `json:"invite"`
	}
	if err = decode(r, &request); err != nil {
		return 0, nil, err
	}
	g := s.group(jid)
	if g == nil {
		return 0, nil, ErrNoGroup
	}
	if request.Approval != nil {
		if err := s.SetApproval(jid, *request.Approval); err != nil {
			return 0, nil, err
		}
	}
	joining, err := s.namedAll(request.Join)
	if err != nil {
		return 0, nil, err
	}
	for _, account := range joining {
		if err := account.JoinGroup(g.view().Code); err != nil {
			return 0, nil, err
		}
	}
	if request.Invite == nil {
		return http.StatusOK, g.view(), nil
	}
	pair, err := s.namedAll([]string{request.Invite.From, request.Invite.To})
	if err != nil {
		return 0, nil, err
	}
	code, expiration, err := pair[0].InvitePrivately(jid, pair[1])
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"code": code, "expiration": expiration}, nil
}
