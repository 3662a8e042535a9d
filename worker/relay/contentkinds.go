package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// content is what a message may consist of. Its message method puts the
// context (quote, mentions, timer; nil for none) where phones look for it.
type content interface {
	message(ctx context.Context, c *call, options sendOptions, info *waE2E.ContextInfo) (*waE2E.Message, error)
}

type text string

func (t text) message(ctx context.Context, c *call, options sendOptions, info *waE2E.ContextInfo) (*waE2E.Message, error) {
	msg := compose(string(t), options, info)
	if !unset(options.LinkPreview) {
		msg = c.preview(ctx, string(t), msg)
	}
	return msg, nil
}

// location is whatsapp-web.js' Location.
type location struct {
	Latitude    *float64 `json:"latitude"`
	Longitude   *float64 `json:"longitude"`
	Name        string   `json:"name"`
	Address     string   `json:"address"`
	URL         string   `json:"url"`
	Description string   `json:"description"`
	Options     struct {
		Name    string `json:"name"`
		Address string `json:"address"`
		URL     string `json:"url"`
	} `json:"options"`
}

func (l *location) check(path string) error {
	for _, degrees := range []struct {
		name  string
		value *float64
		limit float64
	}{{"latitude", l.Latitude, 90}, {"longitude", l.Longitude, 180}} {
		if degrees.value == nil || !(*degrees.value >= -degrees.limit && *degrees.value <= degrees.limit) {
			return bad(path+"."+degrees.name, "expected degrees from -%g to %g", degrees.limit, degrees.limit)
		}
	}
	return nil
}

func (l *location) message(_ context.Context, _ *call, _ sendOptions, info *waE2E.ContextInfo) (*waE2E.Message, error) {
	first, rest, _ := strings.Cut(l.Description, "\n")
	m := &waE2E.LocationMessage{DegreesLatitude: l.Latitude, DegreesLongitude: l.Longitude, ContextInfo: info}
	for to, from := range map[**string][]string{&m.Name: {l.Name, l.Options.Name, first}, &m.Address: {l.Address, l.Options.Address, rest}, &m.URL: {l.URL, l.Options.URL}} {
		for _, s := range from {
			if s != "" {
				*to = proto.String(s)
				break
			}
		}
	}
	return &waE2E.Message{LocationMessage: m}, nil
}

// poll is whatsapp-web.js' Poll; options are names or objects with a name.
type poll struct {
	PollName    string            `json:"pollName"`
	PollOptions []json.RawMessage `json:"pollOptions"`
	Options     struct {
		AllowMultipleAnswers bool `json:"allowMultipleAnswers"`
	} `json:"options"`

	names []string
}

// WhatsApp's own clients allow 2 to 12 options.
const minOptions, maxOptions = 2, 12

func (p *poll) check(path string) error {
	if strings.TrimSpace(p.PollName) == "" {
		return bad(path+".pollName", "expected the question")
	}
	if len(p.PollOptions) < minOptions || len(p.PollOptions) > maxOptions {
		return bad(path+".pollOptions", "expected %d to %d options", minOptions, maxOptions)
	}
	seen := map[string]bool{}
	for i, raw := range p.PollOptions {
		at := fmt.Sprintf("%s.pollOptions[%d]", path, i)
		var named struct {
			Name *string `json:"name"`
		}
		name := ""
		if json.Unmarshal(raw, &name) != nil {
			if json.Unmarshal(raw, &named) != nil || named.Name == nil {
				return bad(at, "expected the name of an option")
			}
			name = *named.Name
		}
		if name = strings.TrimSpace(name); name == "" || len(name) > 400 || seen[name] {
			return bad(at, "expected a name that is short and different from the others")
		}
		seen[name] = true
		p.names = append(p.names, name)
	}
	return nil
}

func (p *poll) message(_ context.Context, c *call, _ sendOptions, info *waE2E.ContextInfo) (*waE2E.Message, error) {
	selectable := 1
	if p.Options.AllowMultipleAnswers {
		selectable = 0
	}
	m := c.cli.BuildPollCreation(p.PollName, p.names, selectable)
	m.PollCreationMessage.ContextInfo = info
	return m, nil
}

// contacts are people sent as vCards.
type contacts []types.JID

func (l contacts) message(ctx context.Context, c *call, _ sendOptions, info *waE2E.ContextInfo) (*waE2E.Message, error) {
	cards := make([]*waE2E.ContactMessage, len(l))
	for i, jid := range l {
		contact, err := c.Mirror.Contact(ctx, shape.ID(jid))
		if err != nil {
			return nil, err
		}
		name := contactName(contact)
		cards[i] = &waE2E.ContactMessage{DisplayName: &name, Vcard: proto.String(vcard(name, contact))}
	}
	if len(cards) == 1 {
		cards[0].ContextInfo = info
		return &waE2E.Message{ContactMessage: cards[0]}, nil
	}
	return &waE2E.Message{ContactsArrayMessage: &waE2E.ContactsArrayMessage{
		DisplayName: proto.String(fmt.Sprintf("%d contacts", len(cards))), Contacts: cards, ContextInfo: info,
	}}, nil
}

// vcard is RFC 2426 with WhatsApp's parameter for the account's number.
func vcard(name string, contact shape.Contact) string {
	escape := strings.NewReplacer("\\", "\\\\", ";", "\\;", ",", "\\,", "\n", "\\n", "\r", "")
	number := contact.ID.User
	return "BEGIN:VCARD\nVERSION:3.0\nN:;" + escape.Replace(name) + ";;;\nFN:" + escape.Replace(name) +
		"\nTEL;type=CELL;type=VOICE;waid=" + number + ":+" + number + "\nEND:VCARD"
}

var (
	kindLocation = kindObject("Location", (*location).check)
	kindPoll     = kindObject("Poll", (*poll).check)
)

// readTagged reads a content that is not text.
func readTagged(raw json.RawMessage, path string) (any, error) {
	if value.Kind(raw) == "array" {
		return readContacts(raw, path)
	}
	switch what := contentName(raw); what {
	case "Location":
		v, err := kindLocation.read(raw, path)
		if err != nil {
			return nil, err
		}
		l := v.(location)
		return &l, nil
	case "Poll":
		v, err := kindPoll.read(raw, path)
		if err != nil {
			return nil, err
		}
		p := v.(poll)
		return &p, nil
	case "MessageMedia":
		m := &messageMedia{}
		if err := m.read(raw, path); err != nil {
			return nil, err
		}
		return m, nil
	case "ScheduledEvent":
		v, err := kindEvent.read(raw, path)
		if err != nil {
			return nil, err
		}
		e := v.(scheduled)
		return &e, nil
	case "Contact":
		jid, err := readUserID(raw, path)
		if err != nil {
			return nil, err
		}
		return contacts{jid.(types.JID)}, nil
	default:
		return nil, notSent(path, what)
	}
}

// maxContacts bounds the cards of one message.
const maxContacts = 257

func readContacts(raw json.RawMessage, path string) (any, error) {
	all, err := listOf(readUserID)(raw, path)
	if err != nil {
		return nil, err
	}
	people := make(contacts, 0, len(all.([]any)))
	for _, jid := range all.([]any) {
		people = append(people, jid.(types.JID))
	}
	if len(people) == 0 || len(people) > maxContacts {
		return nil, bad(path, "expected 1 to %d contacts", maxContacts)
	}
	return people, nil
}
