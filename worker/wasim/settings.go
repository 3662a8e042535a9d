package wasim

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/channels"
	"whatsapp-manager/worker/wasim/stanza"
)

// privacyDefaults are the settings a new account has.
var privacyDefaults = map[string]string{
	"readreceipts": "all", "last": "all", "online": "all", "profile": "all", "status": "all",
	"groupadd": "all", "calladd": "all", "messages": "all", "defense": "off", "stickers": "contacts",
}

// setPrivacy sets one setting as the account's phone does.
func (a *Account) setPrivacy(name, value string) {
	a.mu.Lock()
	if a.privacy == nil {
		a.privacy = maps.Clone(privacyDefaults)
	}
	a.privacy[name] = value
	a.mu.Unlock()
	changed := []waBinary.Node{{Tag: "category", Attrs: waBinary.Attrs{"name": name, "value": value}}}
	setting := waBinary.Node{Tag: "privacy", Content: changed}
	a.notify(a.server.router.notification("account_sync", a.user.PN, nil, setting), -1)
}

func (r *router) iqPrivacy(from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	child := stanza.First(iq)
	if child.Tag == "tokens" {
		r.relayTokens(from, child)
		return nil, nil
	}
	a := from.account
	a.mu.Lock()
	if a.privacy == nil {
		a.privacy = maps.Clone(privacyDefaults)
	}
	var changed []waBinary.Node
	if kind, _ := iq.Attrs["type"].(string); kind == "set" {
		for _, category := range child.GetChildrenByTag("category") {
			name, _ := category.Attrs["name"].(string)
			value, _ := category.Attrs["value"].(string)
			a.privacy[name] = value
			changed = append(changed, waBinary.Node{Tag: "category", Attrs: waBinary.Attrs{"name": name, "value": value}})
		}
	}
	var all []waBinary.Node
	for _, name := range slices.Sorted(maps.Keys(a.privacy)) {
		all = append(all, waBinary.Node{Tag: "category", Attrs: waBinary.Attrs{"name": name, "value": a.privacy[name]}})
	}
	a.mu.Unlock()
	if len(changed) > 0 {
		notice := r.notification("account_sync", a.user.PN, nil, waBinary.Node{Tag: "privacy", Content: changed})
		a.notify(notice, int(from.number))
	}
	return []waBinary.Node{{Tag: "privacy", Content: all}}, nil
}

// defaultTimer is the timer with which an account starts new chats.
type defaultTimer struct{ seconds, setAt int64 }

// SetDefaultTimer makes the account start new chats with a timer, in seconds, as its owner
// does on the phone; 0 for none.
func (a *Account) SetDefaultTimer(seconds int64) { a.setDefaultTimer(seconds, -1) }

// setDefaultTimer tells the other devices of the account.
func (a *Account) setDefaultTimer(seconds int64, by int) {
	a.mu.Lock()
	a.timer = defaultTimer{seconds, time.Now().Unix()}
	a.mu.Unlock()
	a.notify(a.server.router.notification("account_sync", a.user.PN, nil, a.defaultTimer()), by)
}

func (a *Account) defaultTimer() waBinary.Node {
	a.mu.Lock()
	defer a.mu.Unlock()
	return waBinary.Node{Tag: "disappearing_mode", Attrs: waBinary.Attrs{"duration": a.timer.seconds, "t": a.timer.setAt}}
}

func (r *router) iqDisappearingMode(from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	mode := stanza.First(iq)
	ag := mode.AttrGetter()
	seconds := ag.Int64("duration")
	if !ag.OK() || seconds < 0 {
		return nil, stanza.Refuse(400)
	}
	from.account.setDefaultTimer(seconds, int(from.number))
	return nil, nil
}

// relayTokens gives people the privacy tokens that the sender issued for them.
func (r *router) relayTokens(from origin, tokens waBinary.Node) {
	for _, token := range tokens.GetChildrenByTag("token") {
		jid, _ := token.Attrs["jid"].(types.JID)
		peer := r.account(jid)
		if peer == nil || peer == from.account {
			continue
		}
		value := sha256.Sum256([]byte("token " + from.account.user.LID.User + " " + peer.user.LID.User))
		sender := from.account.user
		peer.notify(r.notification("privacy_token", sender.PN, waBinary.Attrs{"sender_lid": sender.LID}, waBinary.Node{
			Tag: "tokens", Content: []waBinary.Node{{
				Tag: "token", Attrs: waBinary.Attrs{"type": "trusted_contact", "t": token.Attrs["t"]}, Content: value[:16],
			}},
		}), -1)
	}
}

func (r *router) iqBlocklist(from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	a := from.account
	item, changes := iq.GetOptionalChildByTag("item")
	a.mu.Lock()
	if changes {
		jid, _ := item.Attrs["jid"].(types.JID)
		a.blocked = slices.DeleteFunc(slices.Clone(a.blocked), func(other types.JID) bool { return other == jid })
		if action, _ := item.Attrs["action"].(string); action == "block" {
			a.blocked = append(a.blocked, jid)
		}
	}
	blocked := slices.Clone(a.blocked)
	a.mu.Unlock()
	// A guess: how the real servers hash the list is not known. Clients only compare it.
	hash := stanza.ParticipantHash(blocked)
	if changes {
		a.notify(r.notification("account_sync", a.user.PN, nil, waBinary.Node{
			Tag: "blocklist", Attrs: waBinary.Attrs{"action": "modify", "dhash": hash},
			Content: []waBinary.Node{{
				Tag: "item", Attrs: waBinary.Attrs{"jid": item.Attrs["jid"], "action": item.Attrs["action"]},
			}},
		}), int(from.number))
	}
	items := make([]waBinary.Node, len(blocked))
	for i, jid := range blocked {
		items[i] = waBinary.Node{Tag: "item", Attrs: waBinary.Attrs{"jid": jid}}
	}
	return []waBinary.Node{{Tag: "list", Attrs: waBinary.Attrs{"dhash": hash}, Content: items}}, nil
}

// iqStatus answers who may see status updates and sets the about text.
func (r *router) iqStatus(from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	child := stanza.First(iq)
	switch child.Tag {
	case "privacy":
		return []waBinary.Node{{Tag: "privacy", Content: []waBinary.Node{{
			Tag: "list", Attrs: waBinary.Attrs{"type": "contacts", "default": "true"},
		}}}}, nil
	case "status":
		raw, _ := child.Content.([]byte)
		r.setAbout(from.account, string(raw))
	}
	return nil, nil
}

func (r *router) setAbout(a *Account, text string) {
	a.mu.Lock()
	a.about = text
	peers := slices.Collect(maps.Keys(a.peers))
	a.mu.Unlock()
	for _, peer := range peers {
		peer.notify(r.notification("status", a.user.LID, nil, waBinary.Node{Tag: "set", Content: []byte(text)}), -1)
	}
}

// mutationTextStatus is the GraphQL document by which whatsmeow sets the about text.
const mutationTextStatus = "9152604461510864"

// iqMex answers GraphQL queries about channels and about the about text; any other
// query gets no data.
func (r *router) iqMex(from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	query := stanza.First(iq)
	if id, _ := query.Attrs["query_id"].(string); id == mutationTextStatus {
		var request struct {
			Variables struct {
				Input struct {
					Text string `json:"text"`
				} `json:"input"`
			} `json:"variables"`
		}
		raw, _ := query.Content.([]byte)
		if json.Unmarshal(raw, &request) == nil {
			r.setAbout(from.account, request.Variables.Input.Text)
		}
	} else if raw, _ := query.Content.([]byte); channels.Answers(id) {
		return []waBinary.Node{{Tag: "result", Content: r.channels.Query(from.sender(), id, raw)}}, nil
	} else {
		r.unknown.add("w:mex " + fmt.Sprint(query.Attrs["query_id"]))
	}
	return []waBinary.Node{{Tag: "result", Content: []byte(`{"data":{}}`)}}, nil
}

// iqMedia names the media host: this server, by its literal address, so that no client
// asks another machine for media.
func (r *router) iqMedia(origin, *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	return []waBinary.Node{{
		Tag:     "media_conn",
		Attrs:   waBinary.Attrs{"auth": "sim", "ttl": 300, "auth_ttl": 21600, "max_buckets": 12},
		Content: []waBinary.Node{{Tag: "host", Attrs: waBinary.Attrs{"hostname": r.server.Address()}}},
	}}, nil
}

// About is the account's about text.
func (a *Account) About() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.about
}

// Blocked lists whom the account has blocked, in the order and form given.
func (a *Account) Blocked() []types.JID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.blocked)
}

// SetAbout changes the about text, as its owner does on the phone.
func (s *Server) SetAbout(a *Account, text string) { s.router.setAbout(a, text) }
