package groups_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/groups"
	"whatsapp-manager/worker/wasim/stanza"
	"whatsapp-manager/worker/wasim/user"
)

// people is a directory in which everybody has a phone and one companion, and a
// delivery that notes who got what.
type people struct {
	all       []user.User
	secretive user.User // lets nobody add it
	notified  map[user.User][]string
	copies    []user.Device
}

func newPeople(n int) *people {
	p := &people{notified: map[user.User][]string{}}
	for i := range n {
		p.all = append(p.all, user.User{
			PN:  types.NewJID(fmt.Sprint(15550000001+i), types.DefaultUserServer),
			LID: types.NewJID(fmt.Sprint(900001+i), types.HiddenUserServer),
		})
	}
	return p
}

func (p *people) Find(jid types.JID) (user.User, bool) {
	i := slices.IndexFunc(p.all, func(u user.User) bool { return u.PN.User == jid.User || u.LID.User == jid.User })
	if i < 0 {
		return user.User{}, false
	}
	return p.all[i], true
}

func (p *people) Username(user.User) user.Username        { return user.Username{} }
func (p *people) PushName(u user.User) string             { return "user " + u.Number() }
func (p *people) DeviceNumbers(user.User) []uint16        { return []uint16{0, 1} }
func (p *people) OnlyInvited(u user.User) bool            { return u == p.secretive }
func (p *people) Deliver(to user.Device, _ waBinary.Node) { p.copies = append(p.copies, to) }

func (p *people) Broadcast(to user.User, node waBinary.Node) {
	p.notified[to] = append(p.notified[to], node.GetChildren()[0].Tag)
}

func (p *people) Notify(to user.User, node waBinary.Node) { p.Broadcast(to, node) }

func (p *people) Notification(
	kind string, from types.JID, _ waBinary.Attrs, content ...waBinary.Node,
) waBinary.Node {
	return waBinary.Node{Tag: "notification", Attrs: waBinary.Attrs{"type": kind, "from": from}, Content: content}
}

func TestMessageGoesToEveryDeviceButTheSending(t *testing.T) {
	p := newPeople(4)
	g := groups.New(p, p)
	jid, err := g.Create("Club", false, p.all[:3]...)
	if err != nil {
		t.Fatal(err)
	}
	from := user.Device{User: p.all[0], Number: 1}
	if attrs := g.Route(from, jid, waBinary.Node{Tag: "message"}); attrs != nil {
		t.Errorf("acknowledged with %v", attrs)
	}
	if len(p.copies) != 5 || slices.Contains(p.copies, from) {
		t.Errorf("copies went to %v", p.copies)
	}
	for name, refused := range map[string]struct {
		from user.User
		to   types.JID
		code int
	}{
		"outsider":      {p.all[3], jid, 403},
		"unknown group": {p.all[0], types.NewJID("1", types.GroupServer), 404},
	} {
		t.Run(name, func(t *testing.T) {
			attrs := g.Route(user.Device{User: refused.from}, refused.to, waBinary.Node{Tag: "message"})
			if attrs["error"] != refused.code {
				t.Errorf("acknowledged with %v", attrs)
			}
		})
	}
}

func TestJoiningByLink(t *testing.T) {
	p := newPeople(3)
	g := groups.New(p, p)
	jid, err := g.Create("Club", true, p.all[0])
	if err != nil {
		t.Fatal(err)
	}
	code := func() string {
		state, _ := g.State(jid)
		return state.Code
	}
	if err := g.Join(p.all[1], "wrong"); !errors.Is(err, groups.ErrNoGroup) {
		t.Errorf("a wrong code: %v", err)
	}
	if err := g.Join(p.all[1], code()); err != nil {
		t.Fatal(err)
	}
	if err := g.SetApproval(jid, true); err != nil {
		t.Fatal(err)
	}
	if err := g.Join(p.all[2], code()); err != nil {
		t.Fatal(err)
	}
	state, _ := g.State(jid)
	if len(state.Members) != 2 || !slices.Equal(state.Requests, []string{p.all[2].Number()}) || state.Addressing != "pn" {
		t.Errorf("state %+v", state)
	}
	if !slices.Contains(p.notified[p.all[0]], "created_membership_requests") {
		t.Errorf("the admin was told %v", p.notified[p.all[0]])
	}
}

func TestOnlyAdminsAddWhenTheGroupSaysSo(t *testing.T) {
	p := newPeople(3)
	p.secretive = p.all[2]
	g := groups.New(p, p)
	jid, err := g.Create("Club", false, p.all[:2]...)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(by user.User, child waBinary.Node) ([]waBinary.Node, *stanza.Error) {
		return g.Answer(user.Device{User: by}, &waBinary.Node{
			Tag: "iq", Attrs: waBinary.Attrs{"to": jid, "type": "set"}, Content: []waBinary.Node{child},
		}, false)
	}
	if _, refused := ask(p.all[0], waBinary.Node{Tag: "member_add_mode", Content: []byte("admin_add")}); refused != nil {
		t.Fatal(refused)
	}
	add := waBinary.Node{Tag: "add", Content: []waBinary.Node{
		{Tag: "participant", Attrs: waBinary.Attrs{"jid": p.secretive.PN}},
	}}
	if _, refused := ask(p.all[1], add); refused != stanza.ErrForbidden {
		t.Errorf("a member who adds got %v", refused)
	}
	answer, refused := ask(p.all[0], add)
	if refused != nil {
		t.Fatal(refused)
	}
	added := answer[0].GetChildren()[0]
	invitation, invited := added.GetOptionalChildByTag("add_request")
	if added.Attrs["error"] != 403 || !invited {
		t.Fatalf("somebody who lets nobody add them: %v", added)
	}
	code, expires := invitation.Attrs["code"].(string), invitation.Attrs["expiration"].(int64)
	if err := g.AcceptInvitation(p.secretive, jid, "wrong", expires); err == nil {
		t.Error("a wrong invitation was accepted")
	}
	if err := g.AcceptInvitation(p.secretive, jid, code, expires); err != nil {
		t.Error(err)
	}
	if members, _, _ := g.Members(jid); !slices.Contains(members, p.secretive) {
		t.Errorf("members %v", members)
	}
}
