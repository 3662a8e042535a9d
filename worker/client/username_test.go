package client

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// What stanzas tell of usernames, wherever it stands in them.
func TestUsernamesInStanzas(t *testing.T) {
	lid := func(n int) types.JID { return types.NewJID(fmt.Sprint(n), types.HiddenUserServer) }
	device := types.JID{User: "1", Device: 3, Server: types.HiddenUserServer}
	group := types.NewJID("120", types.GroupServer)
	member := func(n int, name string) waBinary.Node {
		return waBinary.Node{Tag: "participant", Attrs: waBinary.Attrs{"jid": lid(n), "username": name}}
	}
	metadata := waBinary.Node{Tag: "group", Content: []waBinary.Node{member(1, "a"), {Tag: "participant", Attrs: waBinary.Attrs{"jid": lid(2)}}, member(3, "c")}}
	node := func(tag string, attrs waBinary.Attrs, content ...waBinary.Node) waBinary.Node {
		return waBinary.Node{Tag: tag, Attrs: attrs, Content: content}
	}
	for _, tc := range []struct {
		name string
		node waBinary.Node
		want map[types.JID]string
	}{
		{"a message", node("message", waBinary.Attrs{"from": device, "username": "a"}), map[types.JID]string{lid(1): "a"}},
		{"in a group", node("message", waBinary.Attrs{"from": group, "participant": device, "participant_username": "a"}), map[types.JID]string{lid(1): "a"}},
		{"of another device of ours", node("message", waBinary.Attrs{"from": lid(9), "recipient": lid(1), "recipient_username": "a"}), map[types.JID]string{lid(1): "a"}},
		{"of another device, as it was sent", node("message", waBinary.Attrs{"from": lid(9), "recipient": lid(1), "peer_recipient_username": "a"}), map[types.JID]string{lid(1): "a"}},
		{"a new group", node("notification", waBinary.Attrs{"from": group}, node("create", nil, metadata)), map[types.JID]string{lid(1): "a", lid(3): "c"}},
		{"new members, by one with a name", node("notification", waBinary.Attrs{"from": group, "participant": lid(5), "participant_username": "e"}, node("add", nil, member(1, "a"))), map[types.JID]string{lid(1): "a", lid(5): "e"}},
		{"one group", node("iq", nil, metadata), map[types.JID]string{lid(1): "a", lid(3): "c"}},
		{"all groups", node("iq", nil, node("groups", nil, metadata)), map[types.JID]string{lid(1): "a", lid(3): "c"}},
		{
			"people", node("iq", nil, node("usync", nil, node("list", nil,
				node("user", waBinary.Attrs{"jid": lid(1)}, waBinary.Node{Tag: "username", Content: []byte("a")}),
				node("user", waBinary.Attrs{"jid": lid(2)}, waBinary.Node{Tag: "username"}), node("user", waBinary.Attrs{"jid": lid(3)})))),
			map[types.JID]string{lid(1): "a"},
		},
		{"no person", node("message", waBinary.Attrs{"from": group, "username": "a"}), nil},
		{"nobody", node("message", waBinary.Attrs{"username": "a"}), nil},
		{"too long", node("message", waBinary.Attrs{"from": lid(1), "username": strings.Repeat("a", maxUsername+1)}), nil},
		{"too deep", node("iq", nil, node("a", nil, node("b", nil, node("c", nil, node("d", nil, member(1, "a")))))), nil},
		{"not text", node("message", waBinary.Attrs{"from": lid(1), "username": lid(2)}), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &Client{}
			c.onStanza(&tc.node, false)
			got := map[types.JID]string{}
			for _, n := range c.TakeUsernames() {
				got[n.JID] = n.Username
			}
			if !maps.Equal(got, tc.want) {
				t.Errorf("%v", got)
			}
			if again := c.TakeUsernames(); len(again) > 0 {
				t.Errorf("a second time: %v", again)
			}
		})
	}
	c := &Client{}
	for i := range maxNamed + 10 {
		n := member(i+1, "a")
		n.Tag, n.Attrs["from"] = "message", n.Attrs["jid"]
		c.onStanza(&n, false)
	}
	if n := len(c.TakeUsernames()); n != maxNamed {
		t.Errorf("%d names wait", n)
	}
}
