package wasim

import (
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/stanza"
)

// iqUsync answers a query about users: for each listed user the protocols asked for.
func (s *Server) iqUsync(from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	query := iq.GetChildByTag("usync", "query")
	list := iq.GetChildByTag("usync", "list")
	protocols := query.GetChildren()
	var users []waBinary.Node
	for _, user := range list.GetChildren() {
		if jid, ok := user.Attrs["jid"].(types.JID); ok {
			if account := s.account(jid); account != nil {
				answers := s.usyncUser(account, jid, protocols)
				users = append(users, waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid}, Content: answers})
			}
			continue
		}
		if contact, ok := user.GetOptionalChildByTag("contact"); ok {
			users = append(users, s.usyncContact(contact, protocols))
		}
	}
	request := iq.GetChildByTag("usync")
	attrs := waBinary.Attrs{}
	for _, name := range []string{"sid", "index", "last", "mode", "context"} {
		if value, ok := request.Attrs[name]; ok {
			attrs[name] = value
		}
	}
	return []waBinary.Node{{Tag: "usync", Attrs: attrs, Content: []waBinary.Node{
		{Tag: "result"},
		{Tag: "list", Content: users},
	}}}, nil
}

func (s *Server) usyncUser(account *Account, asked types.JID, protocols []waBinary.Node) (answers []waBinary.Node) {
	for _, protocol := range protocols {
		switch protocol.Tag {
		case "devices":
			answers = append(answers, account.deviceList())
		case "lid":
			// Left out for a user asked for by LID: Baileys takes it for a LID of
			// the LID and opens new sessions. What the real servers do is unknown.
			if asked.Server != types.HiddenUserServer {
				answers = append(answers, waBinary.Node{Tag: "lid", Attrs: waBinary.Attrs{"val": account.user.LID}})
			}
		case "status":
			about := account.About()
			answers = append(answers, waBinary.Node{
				Tag: "status", Attrs: waBinary.Attrs{"t": time.Now().Unix()}, Content: []byte(about),
			})
		case "picture":
			if id, _ := account.Picture(); id != "" {
				answers = append(answers, waBinary.Node{Tag: "picture", Attrs: waBinary.Attrs{"id": id}})
			}
		case "contact":
			answers = append(answers, waBinary.Node{Tag: "contact", Attrs: waBinary.Attrs{"type": "in"}})
		}
	}
	return answers
}

// usyncContact answers whether a phone number is on WhatsApp. The user element
// has a JID in either case, because clients skip an element without one.
func (s *Server) usyncContact(contact waBinary.Node, protocols []waBinary.Node) waBinary.Node {
	raw, _ := contact.Content.([]byte)
	number, _, _ := strings.Cut(string(raw), "@")
	number = strings.TrimPrefix(number, "+")
	pn := types.NewJID(number, types.DefaultUserServer)
	account := s.account(pn)
	kind, attrs := "out", waBinary.Attrs{"jid": pn, "pn_jid": pn}
	var answers []waBinary.Node
	if account != nil {
		kind, attrs = "in", waBinary.Attrs{"jid": account.user.LID, "pn_jid": account.user.PN}
		for _, answer := range s.usyncUser(account, pn, protocols) {
			if answer.Tag != "contact" {
				answers = append(answers, answer)
			}
		}
	}
	answers = append(answers, waBinary.Node{Tag: "contact", Attrs: waBinary.Attrs{"type": kind}, Content: raw})
	return waBinary.Node{Tag: "user", Attrs: attrs, Content: answers}
}
