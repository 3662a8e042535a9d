package control

import (
	"net/http"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim"
)

// groupView is a group as the control API shows it.
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

func (a *api) viewGroup(jid types.JID) (groupView, error) {
	state, known := a.server.Group(jid)
	if !known {
		return groupView{}, wasim.ErrNoGroup
	}
	view := groupView{
		JID: jid.String(), Name: state.Subject, Members: []string{}, Addressing: state.Addressing, Admins: []string{},
		Description: state.Description, Announce: state.Announce, Restrict: state.Restrict, AddMode: state.AddMode,
		Approval: state.Approval, Code: state.Code, Picture: len(state.Picture) > 0, Requests: state.Requests,
	}
	for _, account := range a.server.GroupMembers(jid) {
		view.Members = append(view.Members, account.Number())
		if state.Members[account.Number()] != "" {
			view.Admins = append(view.Admins, account.Number())
		}
	}
	return view, nil
}

// answerGroup answers with the group as it is now.
func (a *api) answerGroup(jid types.JID) (reply, error) {
	view, err := a.viewGroup(jid)
	if err != nil {
		return reply{}, err
	}
	return ok(view), nil
}

func (a *api) groups(*http.Request) (reply, error) {
	views := []groupView{}
	for _, jid := range a.server.Groups() {
		view, err := a.viewGroup(jid)
		if err != nil {
			return reply{}, err
		}
		views = append(views, view)
	}
	return ok(object{"groups": views}), nil
}

type newGroup struct {
	Name    string   `json:"name"`
	Members []string `json:"members"`
}

func (a *api) createGroup(_ *http.Request, wanted newGroup) (reply, error) {
	members, err := a.findAll(wanted.Members)
	if err != nil {
		return reply{}, err
	}
	if len(members) == 0 {
		return reply{}, badRequest("members: at least one is needed")
	}
	jid, err := a.server.CreateGroup(wanted.Name, members...)
	if err != nil {
		return reply{}, err
	}
	view, err := a.viewGroup(jid)
	if err != nil {
		return reply{}, err
	}
	return created(view), nil
}

type memberChange struct {
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
}

func (a *api) changeMembers(jid types.JID, change memberChange) (reply, error) {
	add, err := a.findAll(change.Add)
	if err != nil {
		return reply{}, err
	}
	remove, err := a.findAll(change.Remove)
	if err != nil {
		return reply{}, err
	}
	if err = a.server.AddToGroup(jid, add...); err != nil {
		return reply{}, err
	}
	if err = a.server.RemoveFromGroup(jid, remove...); err != nil {
		return reply{}, err
	}
	return a.answerGroup(jid)
}

type groupChange struct {
	Approval *bool       `json:"approval"`
	Join     []string    `json:"join"`
	Invite   *invitation `json:"invite"`
}

type invitation struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// changeGroup switches approval, lets accounts join by the link, or makes a
// private invitation.
func (a *api) changeGroup(jid types.JID, change groupChange) (reply, error) {
	group, known := a.server.Group(jid)
	if !known {
		return reply{}, wasim.ErrNoGroup
	}
	if change.Approval != nil {
		if err := a.server.SetApproval(jid, *change.Approval); err != nil {
			return reply{}, err
		}
	}
	joining, err := a.findAll(change.Join)
	if err != nil {
		return reply{}, err
	}
	for _, account := range joining {
		if err := account.JoinGroup(group.Code); err != nil {
			return reply{}, err
		}
	}
	if change.Invite == nil {
		return a.answerGroup(jid)
	}
	pair, err := a.findAll([]string{change.Invite.From, change.Invite.To})
	if err != nil {
		return reply{}, err
	}
	code, expiration, err := pair[0].InvitePrivately(jid, pair[1])
	if err != nil {
		return reply{}, err
	}
	return ok(object{"code": code, "expiration": expiration}), nil
}
