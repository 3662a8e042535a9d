package groups

import (
	"strconv"
	"time"
	"unicode/utf8"

	waBinary "go.mau.fi/whatsmeow/binary"

	"whatsapp-manager/worker/wasim/stanza"
	"whatsapp-manager/worker/wasim/user"
)

// change carries out a set request on a group and notifies its members.
func (s *Groups) change(g *group, from user.Device, child waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	admin := g.isAdmin(from.User)
	g.mu.Lock()
	locked := g.flags["locked"]
	g.mu.Unlock()
	switch child.Tag {
	case "add", "remove", "promote", "demote":
		g.mu.Lock()
		byAll := g.addMode != "admin_add"
		g.mu.Unlock()
		if !admin && (child.Tag != "add" || !byAll) {
			return nil, stanza.ErrForbidden
		}
		return s.changeParticipants(g, from, child), nil
	case "subject", "description":
		if locked && !admin {
			return nil, stanza.ErrForbidden
		}
	case "invite":
		answer, refused := g.invite(from, true)
		if refused == nil {
			code := answer[0].Attrs["code"]
			s.notify(g, from.User, g.users(), waBinary.Node{Tag: "invite", Attrs: waBinary.Attrs{"code": code}})
		}
		return answer, refused
	case "membership_requests_action":
		if !admin {
			return nil, stanza.ErrForbidden
		}
		return s.decideRequests(g, from, child)
	default:
		if !admin {
			return nil, stanza.ErrForbidden
		}
	}
	now := time.Now()
	g.mu.Lock()
	g.version++
	version := strconv.Itoa(g.version)
	notice := waBinary.Node{Tag: child.Tag}
	switch child.Tag {
	case "subject":
		raw, _ := child.Content.([]byte)
		if len(raw) == 0 || utf8.RuneCount(raw) > 100 {
			g.mu.Unlock()
			return nil, stanza.ErrNotAcceptable
		}
		g.subject, g.named, g.namer = string(raw), now, from.User
		notice.Attrs = waBinary.Attrs{
			"subject": g.subject, "s_t": now.Unix(), "s_o": from.User.JID(g.server(), 0), "s_o_pn": from.User.PN,
		}
	case "description":
		previous, _ := child.Attrs["prev"].(string)
		id, _ := child.Attrs["id"].(string)
		if g.topic != nil && g.topic.id != previous {
			g.mu.Unlock()
			return nil, stanza.ErrConflict
		}
		notice.Attrs = waBinary.Attrs{"id": id}
		if _, gone := child.Attrs["delete"]; gone {
			g.topic = nil
			notice.Content = []waBinary.Node{{Tag: "delete"}}
			break
		}
		body := child.GetChildByTag("body")
		text, _ := body.Content.([]byte)
		g.topic = &topic{id: id, text: string(text), by: from.User, at: now}
		notice.Content = []waBinary.Node{{Tag: "body", Content: text}}
	case "announcement", "not_announcement":
		g.flags["announcement"] = child.Tag == "announcement"
		notice.Attrs = waBinary.Attrs{"v_id": version}
	case "locked", "unlocked":
		g.flags["locked"] = child.Tag == "locked"
	case "ephemeral":
		g.expiry = stanza.Number(child.Attrs["expiration"])
		notice.Attrs = waBinary.Attrs{"expiration": g.expiry}
	case "not_ephemeral":
		g.expiry = 0
	case "membership_approval_mode":
		join := child.GetChildByTag("group_join")
		g.approval = join.Attrs["state"] == "on"
		notice.Content = child.Content
	case "member_add_mode":
		raw, _ := child.Content.([]byte)
		g.addMode = string(raw)
		notice.Content = raw
	default:
		g.mu.Unlock()
		return nil, stanza.ErrBadRequest
	}
	g.mu.Unlock()
	s.notify(g, from.User, g.users(), notice)
	return nil, nil
}

func (g *group) invite(from user.Device, reset bool) ([]waBinary.Node, *stanza.Error) {
	if !g.isAdmin(from.User) {
		return nil, stanza.ErrNotAuthorized
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if reset {
		if g.revoked == nil {
			g.revoked = map[string]bool{}
		}
		g.revoked[g.code] = true
		g.code = newInviteCode()
	}
	return []waBinary.Node{{Tag: "invite", Attrs: waBinary.Attrs{"code": g.code}}}, nil
}
