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
}

func (g *group) view() groupView {
	g.mu.Lock()
	defer g.mu.Unlock()
	view := groupView{JID: g.jid.String(), Name: g.subject, Members: []string{}, Addressing: g.mode()}
	for _, m := range g.members {
		view.Members = append(view.Members, m.account.Number())
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
