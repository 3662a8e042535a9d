package wwebjs

import (
	"context"
	"regexp"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
)

// usernameRows find people by username, and usernames of people. whatsapp-web.js has
// no such methods, nor has whatsmeow, which only asks for usernames and drops them. The
// queries are those of WhatsApp Web.
var usernameRows = []relay.Row{
	{
		Name: "getUsernameId", Result: "ContactId|null", Need: relay.NeedOnline, Own: true,
		Params: []param.Param{
			{Name: "username", Kind: param.AtMost(64), Doc: "with or without @ in front"},
			{Name: "key", Kind: param.AtMost(16), Optional: true, Doc: "the 4 digits without which some are not found"},
		},
		Example: `["ada.lovelace"]`,
		Doc:     "Returns the id of whoever has a username, or null when nobody has it.",
		Do:      usernameID,
	},
	{
		Name: "getUsername", Result: "string|null", Need: relay.NeedOnline, Own: true,
		Params: personOnly, Example: chatExample,
		Doc: "Asks WhatsApp for somebody's username; null when there is none, or it is not shown.",
		Do:  usernameOf,
	},
}

var (
	usernameForm = regexp.MustCompile(`^[A-Za-z0-9_.]{3,35}$`)
	keyForm      = regexp.MustCompile(`^[0-9]{4}$`)
)

func usernameID(ctx context.Context, c *relay.Call) (any, error) {
	name, key := strings.TrimPrefix(relay.Arg[string](c, 0), "@"), relay.Arg[string](c, 1)
	if !usernameForm.MatchString(name) {
		return nil, param.Bad("params[0]", "expected a username: 3 to 35 letters, digits, dots and underscores")
	}
	asked := waBinary.Attrs{"username": name}
	if c.Given(1) {
		if !keyForm.MatchString(key) {
			return nil, param.Bad("params[1]", "expected the key of a username: 4 digits")
		}
		asked["pin"] = key
	}
	users, err := askUsync(ctx, c,
		waBinary.Node{Tag: "user", Content: []waBinary.Node{{Tag: "contact", Attrs: asked}}},
		waBinary.Node{Tag: "contact", Attrs: waBinary.Attrs{"addressing_mode": "lid"}})
	if err != nil || len(users) != 1 {
		return nil, err
	}
	contact := users[0].GetChildByTag("contact")
	if err := refusalIn(contact); err != nil {
		return nil, err
	}
	if kind, _ := contact.Attrs["type"].(string); kind != "in" {
		return nil, nil
	}
	jid, ok := users[0].Attrs["jid"].(types.JID)
	if !ok { // there is somebody, and WhatsApp does not say who
		if c.Given(1) {
			return nil, param.Bad("params[1]", "this is not the key of that username; its owner can tell it")
		}
		return nil, param.Bad("params[1]", "this username is found only with its key: 4 digits that its owner can tell")
	}
	if told, _ := contact.Attrs["username"].(string); told != "" {
		name = told
	}
	person, err := c.Person(ctx, jid.ToNonAD())
	if err != nil {
		return nil, err
	}
	return person, keepUsername(ctx, c, person.Serialized, name)
}

func usernameOf(ctx context.Context, c *relay.Call) (any, error) {
	jid, err := c.HiddenID(ctx, relay.Arg[types.JID](c, 0)) // usernames belong to hidden ids
	if err != nil {
		return nil, err
	}
	users, err := askUsync(ctx, c,
		waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid.ToNonAD()}}, waBinary.Node{Tag: "username"})
	if err != nil || len(users) != 1 {
		return nil, err
	}
	answer := users[0].GetChildByTag("username")
	if err := refusalIn(answer); err != nil {
		return nil, err
	}
	raw, _ := answer.Content.([]byte)
	name := shape.Clean(string(raw))
	person, err := c.Person(ctx, jid)
	if err != nil {
		return nil, err
	}
	if err := keepUsername(ctx, c, person.Serialized, name); err != nil || name == "" {
		return nil, err
	}
	return name, nil
}

// keepUsername writes down what WhatsApp has just said. It does not end with the call.
func keepUsername(ctx context.Context, c *relay.Call, id, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if name = shape.Clean(name); name == "" { // nobody becomes a contact by having none
		if known, err := c.Mirror.Contact(ctx, id); err != nil || known.Username == "" {
			return err
		}
	}
	return c.Mirror.Apply(ctx, inbound.Change{
		Account: c.Account(), Contacts: []inbound.Contact{{ID: id, Username: &name}},
	})
}

// askUsync asks about one user and returns the users of the answer.
func askUsync(ctx context.Context, c *relay.Call, user, about waBinary.Node) ([]waBinary.Node, error) {
	//lint:ignore SA1019 whatsmeow's own query names people by number or hidden id only
	answer, err := c.Client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{
		Namespace: "usync", Type: "get", To: types.ServerJID,
		Content: []waBinary.Node{{
			Tag: "usync",
			Attrs: waBinary.Attrs{
				"sid": c.Client.GenerateMessageID(), "mode": "query", "last": "true", "index": "0", "context": "interactive",
			},
			Content: []waBinary.Node{
				{Tag: "query", Content: []waBinary.Node{about}},
				{Tag: "list", Content: []waBinary.Node{user}},
			},
		}},
	})
	if err != nil {
		return nil, err
	}
	if err := refusalIn(answer.GetChildByTag("usync", "result", about.Tag)); err != nil {
		return nil, err
	}
	list := answer.GetChildByTag("usync", "list")
	return list.GetChildrenByTag("user"), nil
}

// refusalIn returns the error that an element of an answer holds, nil when it holds none.
func refusalIn(element waBinary.Node) error {
	refusal, ok := element.GetOptionalChildByTag("error")
	if !ok {
		return nil
	}
	attrs := refusal.AttrGetter()
	if code := attrs.OptionalInt("code"); code != 429 {
		return fault.New(fault.Refused, relay.Op, "WhatsApp refused the question about a username: %d", code)
	}
	f := fault.New(fault.RateLimited, relay.Op, "WhatsApp takes no more questions about usernames for a while")
	f.RetryAfter = time.Duration(max(attrs.OptionalInt("backoff"), 1)) * time.Second
	return f
}
