package content

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// Content is what a message may consist of. Message puts the context (quote,
// mentions, timer; nil for none) where phones look for it.
type Content interface {
	Message(ctx context.Context, c *relay.Call, options Options, info *waE2E.ContextInfo) (*waE2E.Message, error)
}

// Text is a message of text.
type Text string

// Message implements Content.
func (t Text) Message(
	ctx context.Context, c *relay.Call, options Options, info *waE2E.ContextInfo,
) (*waE2E.Message, error) {
	msg := Compose(string(t), options, info)
	if !param.SwitchedOff(options.LinkPreview) {
		msg = Preview(ctx, c, string(t), msg)
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
			return param.Bad(path+"."+degrees.name, "expected degrees from -%g to %g", degrees.limit, degrees.limit)
		}
	}
	return nil
}

// Message implements Content.
func (l *location) Message(
	_ context.Context, _ *relay.Call, _ Options, info *waE2E.ContextInfo,
) (*waE2E.Message, error) {
	first, rest, _ := strings.Cut(l.Description, "\n")
	m := &waE2E.LocationMessage{DegreesLatitude: l.Latitude, DegreesLongitude: l.Longitude, ContextInfo: info}
	m.Name = value.OrNil(cmp.Or(l.Name, l.Options.Name, first))
	m.Address = value.OrNil(cmp.Or(l.Address, l.Options.Address, rest))
	m.URL = value.OrNil(cmp.Or(l.URL, l.Options.URL))
	return &waE2E.Message{LocationMessage: m}, nil
}

// Poll is whatsapp-web.js' Poll; options are names or objects with a name.
type Poll struct {
	PollName    string            `json:"pollName"`
	PollOptions []json.RawMessage `json:"pollOptions"`
	Options     struct {
		AllowMultipleAnswers bool `json:"allowMultipleAnswers"`
	} `json:"options"`

	names []string
}

// WhatsApp's own clients allow 2 to 12 options.
const minOptions, maxOptions = 2, 12

func (p *Poll) check(path string) error {
	if strings.TrimSpace(p.PollName) == "" {
		return param.Bad(path+".pollName", "expected the question")
	}
	if len(p.PollOptions) < minOptions || len(p.PollOptions) > maxOptions {
		return param.Bad(path+".pollOptions", "expected %d to %d options", minOptions, maxOptions)
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
				return param.Bad(at, "expected the name of an option")
			}
			name = *named.Name
		}
		if name = strings.TrimSpace(name); name == "" || utf8.RuneCountInString(name) > param.MaxTitle || seen[name] {
			return param.Bad(at, "expected a name of 1 to %d characters that is different from the others", param.MaxTitle)
		}
		seen[name] = true
		p.names = append(p.names, name)
	}
	return nil
}

// Message implements Content.
func (p *Poll) Message(_ context.Context, c *relay.Call, _ Options, info *waE2E.ContextInfo) (*waE2E.Message, error) {
	selectable := 1
	if p.Options.AllowMultipleAnswers {
		selectable = 0
	}
	m := c.Client.BuildPollCreation(p.PollName, p.names, selectable)
	m.PollCreationMessage.ContextInfo = info
	return m, nil
}

// contacts are people sent as vCards.
type contacts []types.JID

// Message implements Content.
func (l contacts) Message(
	ctx context.Context, c *relay.Call, _ Options, info *waE2E.ContextInfo,
) (*waE2E.Message, error) {
	cards := make([]*waE2E.ContactMessage, len(l))
	for i, jid := range l {
		contact, err := c.Mirror.Contact(ctx, shape.ID(jid))
		if err != nil {
			return nil, err
		}
		name := ContactName(contact)
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
	kindLocation = param.Object("Location", (*location).check)
	kindPoll     = param.Object("Poll", (*Poll).check)
)

// readTagged reads content that is not text.
func readTagged(raw json.RawMessage, path string) (any, error) {
	if value.Kind(raw) == "array" {
		if isAlbum(raw) {
			return readAlbum(raw, path)
		}
		return readContacts(raw, path)
	}
	switch what := contentName(raw); what {
	case "Location":
		v, err := kindLocation.Read(raw, path)
		if err != nil {
			return nil, err
		}
		l := v.(location)
		return &l, nil
	case "Poll":
		v, err := kindPoll.Read(raw, path)
		if err != nil {
			return nil, err
		}
		p := v.(Poll)
		return &p, nil
	case "MessageMedia":
		m := &media.MessageMedia{}
		if err := m.Read(raw, path); err != nil {
			return nil, err
		}
		return Media{m}, nil
	case "ScheduledEvent":
		v, err := KindEvent.Read(raw, path)
		if err != nil {
			return nil, err
		}
		e := v.(Event)
		return &e, nil
	case "Contact":
		jid, err := param.UserID.Read(raw, path)
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
	all, err := param.ListOf(param.UserID).Read(raw, path)
	if err != nil {
		return nil, err
	}
	people := make(contacts, 0, len(all.([]any)))
	for _, jid := range all.([]any) {
		people = append(people, jid.(types.JID))
	}
	if len(people) == 0 || len(people) > maxContacts {
		return nil, param.Bad(path, "expected 1 to %d contacts", maxContacts)
	}
	return people, nil
}

// ContactName returns the name to show for a contact: its saved name, the name it
// gives itself, or its number.
func ContactName(contact shape.Contact) string {
	return cmp.Or(contact.Name, contact.Pushname, shape.FormatNumber(contact.ID.Serialized))
}

// Media is a message with a file.
type Media struct{ *media.MessageMedia }

// Message implements Content.
func (m Media) Message(
	ctx context.Context, c *relay.Call, options Options, info *waE2E.ContextInfo,
) (*waE2E.Message, error) {
	return m.MessageMedia.Message(ctx, c.Media, options.Options, info)
}
