package wasim

import (
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/stanza"
)

// iqUsync answers a query about users: for each listed user the protocols asked for.
func (r *router) iqUsync(from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	query := iq.GetChildByTag("usync", "query")
	list := iq.GetChildByTag("usync", "list")
	protocols := query.GetChildren()
	var users []waBinary.Node
	for _, user := range list.GetChildren() {
		if jid, ok := user.Attrs["jid"].(types.JID); ok {
			if account := r.account(jid); account != nil {
				answers := r.usyncUser(account, jid, protocols)
				users = append(users, waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid}, Content: answers})
			}
			continue
		}
		if contact, ok := user.GetOptionalChildByTag("contact"); ok {
			if name, ok := contact.Attrs["username"].(string); ok {
				users = append(users, r.usyncUsername(name, contact))
			} else {
				users = append(users, r.usyncContact(contact, protocols))
			}
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

func (r *router) usyncUser(account *Account, asked types.JID, protocols []waBinary.Node) (answers []waBinary.Node) {
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
		case "disappearing_mode":
			answers = append(answers, account.defaultTimer())
		case "username": // left out for somebody without one, which WhatsApp Web then forgets
			if name := account.Username().Name; name != "" {
				answers = append(answers, waBinary.Node{Tag: "username", Content: []byte(name)})
			}
		}
	}
	return answers
}

// usyncContact answers whether a phone number is on WhatsApp. The user element
// has a JID in either case, because clients skip an element without one.
func (r *router) usyncContact(contact waBinary.Node, protocols []waBinary.Node) waBinary.Node {
	raw, _ := contact.Content.([]byte)
	number, _, _ := strings.Cut(string(raw), "@")
	number = strings.TrimPrefix(number, "+")
	pn := types.NewJID(number, types.DefaultUserServer)
	account := r.account(pn)
	kind, attrs := "out", waBinary.Attrs{"jid": pn, "pn_jid": pn}
	var answers []waBinary.Node
	if account != nil {
		kind, attrs = "in", waBinary.Attrs{"jid": account.user.LID, "pn_jid": account.user.PN}
		for _, answer := range r.usyncUser(account, pn, protocols) {
			if answer.Tag != "contact" {
				answers = append(answers, answer)
			}
		}
	}
	answers = append(answers, waBinary.Node{Tag: "contact", Attrs: waBinary.Attrs{"type": kind}, Content: raw})
	return waBinary.Node{Tag: "user", Attrs: attrs, Content: answers}
}

// usyncUsername answers who has a username, in the form that WhatsApp Web reads: nobody;
// somebody, whose key is wrong or missing; or somebody with their hidden identity.
//
// guess: the phone number is not told.
func (r *router) usyncUsername(name string, contact waBinary.Node) waBinary.Node {
	account := r.server.registry.findName(name)
	if account == nil {
		return waBinary.Node{Tag: "user", Content: []waBinary.Node{{
			Tag: "contact", Attrs: waBinary.Attrs{"type": "out", "username": name},
		}}}
	}
	found := waBinary.Node{Tag: "user", Content: []waBinary.Node{{
		Tag: "contact", Attrs: waBinary.Attrs{"type": "in", "username": account.Username().Name},
	}}}
	if key := account.Username().Key; key == "" || key == contact.Attrs["pin"] {
		found.Attrs = waBinary.Attrs{"jid": account.user.LID}
	}
	return found
}

// deviceJIDs lists every device in the form of a JID server, the phone first.
func (a *Account) deviceJIDs(server string) []types.JID {
	numbers := a.numbers()
	jids := make([]types.JID, len(numbers))
	for i, number := range numbers {
		jids[i] = a.user.JID(server, number)
	}
	return jids
}

func (a *Account) deviceList() waBinary.Node {
	numbers := a.numbers()
	devices := make([]waBinary.Node, len(numbers))
	for i, number := range numbers {
		attrs := waBinary.Attrs{"id": int(number)}
		if number > 0 {
			attrs["key-index"] = int(number)
		}
		devices[i] = waBinary.Node{Tag: "device", Attrs: attrs}
	}
	content := []waBinary.Node{{Tag: "device-list", Content: devices}}
	if len(numbers) > 1 {
		content = append(content, a.keyIndexNode())
	}
	return waBinary.Node{Tag: "devices", Content: content}
}

// keyIndexNode is the signed list of key indexes. Making it takes a signature, so it is
// kept until the devices change.
func (a *Account) keyIndexNode() waBinary.Node {
	a.mu.Lock()
	signed := a.keyIndex
	a.mu.Unlock()
	if signed == nil {
		signed = a.phone.KeyIndexList()
		a.mu.Lock()
		a.keyIndex = signed
		a.mu.Unlock()
	}
	return waBinary.Node{Tag: "key-index-list", Attrs: waBinary.Attrs{"ts": time.Now().Unix()}, Content: signed}
}

// deviceListChanged tells everybody who may have cached the account's devices that
// one was added ("add") or removed ("remove"): its own companions, the accounts that
// exchanged messages with it, and those that share a group with it. Clients key their
// cache by the JID they asked with, so each client is told under both identities. Own
// companions also get an account_sync.
func (r *router) deviceListChanged(a *Account, changed *Device, change string) {
	audience := make(map[*Account]struct{})
	a.mu.Lock()
	for peer := range a.peers {
		audience[peer] = struct{}{}
	}
	a.mu.Unlock()
	for _, u := range r.groups.Companions(a.user) {
		audience[r.account(u.LID)] = struct{}{}
	}
	audience[a] = struct{}{}

	for listener := range audience {
		for _, device := range listener.Devices() {
			if device == changed {
				continue
			}
			for _, server := range []string{types.HiddenUserServer, types.DefaultUserServer} {
				device.deliver(r.deviceNotification(a, changed, change, server))
			}
		}
	}

	listed := a.deviceJIDs(types.DefaultUserServer)
	entries := make([]waBinary.Node, len(listed))
	for i, jid := range listed {
		entries[i] = waBinary.Node{Tag: "device", Attrs: waBinary.Attrs{"jid": jid}}
	}
	for _, device := range a.Devices() {
		if device != changed {
			device.deliver(r.notification("account_sync", a.user.PN, nil, waBinary.Node{
				Tag: "devices", Attrs: waBinary.Attrs{"dhash": stanza.ParticipantHash(listed)}, Content: entries,
			}))
		}
	}
}

func (r *router) deviceNotification(a *Account, changed *Device, change, server string) waBinary.Node {
	attrs := waBinary.Attrs{"jid": a.user.JID(server, changed.number)}
	if change == "add" {
		attrs["key-index"] = int(changed.number)
	}
	return r.notification("devices", a.user.JID(server, 0), nil, waBinary.Node{
		Tag:   change,
		Attrs: waBinary.Attrs{"device_hash": stanza.ParticipantHash(a.deviceJIDs(server))},
		Content: []waBinary.Node{
			{Tag: "device", Attrs: attrs},
			a.keyIndexNode(),
		},
	})
}
