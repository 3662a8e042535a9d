package mirror

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// manyNamed is the number of people above which all usernames are read.
const manyNamed = 2000

// naming are the people whom shapes name: the places at which their usernames belong, by
// their ids, and what writes their ids. One look-up fills them all, however many people there
// are.
type naming struct {
	places   map[string][]*string
	people   []string
	identify []func(shape.Pairs)
}

func (n *naming) at(id string, place *string) {
	if !shape.IsUser(id) {
		return
	}
	if n.places == nil {
		n.places = map[string][]*string{}
	}
	n.places[id] = append(n.places[id], place)
}

// identified has write called with what is known of the ids of these people.
func (n *naming) identified(write func(shape.Pairs), people ...string) {
	n.people = append(n.people, people...)
	n.identify = append(n.identify, write)
}

// message wants the username of the person who wrote a message, or to whom the account did,
// and the ids of everybody in it.
func (n *naming) message(s *shape.Message, me string) {
	n.identified(func(p shape.Pairs) { s.Identify(p, me) }, s.People()...)
	switch {
	case s.FromMe:
		n.at(s.To, &s.ToUsername)
	case s.Author != "":
		n.at(s.Author, &s.Username)
	default:
		n.at(s.From, &s.Username)
	}
}

func (n *naming) messages(all []shape.Message, me string) {
	for i := range all {
		n.message(&all[i], me)
	}
}

// chat wants the usernames and ids of a group's members, and of the last message.
func (n *naming) chat(c *shape.Chat, me string) {
	if c.LastMessage != nil {
		n.message(c.LastMessage, me)
	}
	n.identified(func(p shape.Pairs) { c.LID = p.LID(c.ID.Serialized) }, c.ID.Serialized)
	if c.GroupMetadata != nil {
		n.identified(c.GroupMetadata.Identify, c.GroupMetadata.People()...)
		for i := range c.GroupMetadata.Participants {
			p := &c.GroupMetadata.Participants[i]
			n.at(p.ID.Serialized, &p.Username)
		}
	}
}

func (n *naming) fill(id, username string) {
	for _, place := range n.places[id] {
		*place = username
	}
}

// Usernames returns the usernames of those of these people, by id, of whom one is known.
// It is one look-up for all of them.
func (m *Mirror) Usernames(ctx context.Context, ids []string) (map[string]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if len(ids) > manyNamed {
		ids = nil
	}
	rows, err := m.q.Usernames(ctx, db.UsernamesParams{InstanceID: m.instance, Ids: ids})
	if err != nil {
		return nil, fmt.Errorf("read usernames: %w", err)
	}
	names := make(map[string]string, 2*len(rows))
	for _, r := range rows {
		names[r.ID] = r.Username
		if r.Lid != "" {
			names[r.Lid] = r.Username
		}
	}
	return names, nil
}

// name fills the places with what is in the database.
func (m *Mirror) name(ctx context.Context, n naming) error {
	if _, err := m.identify(ctx, n); err != nil {
		return err
	}
	names, err := m.Usernames(ctx, slices.Collect(maps.Keys(n.places)))
	for id := range n.places {
		n.fill(id, names[id])
	}
	return err
}

// name fills the places with what is known after this change.
func (w *writer) name(ctx context.Context, n naming) error {
	hidden, err := w.identify(ctx, n)
	if err != nil {
		return err
	}
	w.toldHidden(ctx, hidden)
	told := map[string]string{}
	for _, c := range w.change.Contacts {
		if c.Username != nil {
			told[c.ID] = *c.Username
		}
	}
	var missing []string
	for id := range n.places {
		username, known := told[id]
		if !known {
			username, known = w.cache.usernames.Get(id)
		}
		if n.fill(id, username); !known {
			missing = append(missing, id)
		}
	}
	names, err := w.Usernames(ctx, missing)
	if err != nil {
		return err
	}
	for _, id := range missing {
		n.fill(id, names[id])
		w.cache.usernames.Add(id, names[id])
	}
	return nil
}

// rendered is render, with usernames.
func (m *Mirror) rendered(ctx context.Context, row db.Message) (shape.Message, error) {
	s, n := m.render(row), naming{}
	n.message(&s, m.me())
	return s, m.name(ctx, n)
}

// rendered is render, with usernames as they are after this change.
func (w *writer) rendered(ctx context.Context, row db.Message) (shape.Message, error) {
	s, n := w.render(row), naming{}
	n.message(&s, w.me())
	return s, w.name(ctx, n)
}

// LearnUsernames is Apply for a change that tells nothing but usernames. Most stanzas tell
// what is known, and then it writes nothing.
func (m *Mirror) LearnUsernames(ctx context.Context, change inbound.Change) error {
	news, err := m.unknown(ctx, change.Contacts)
	if err != nil || len(news) == 0 {
		return err
	}
	change.Contacts = news
	return m.Apply(ctx, change)
}

// unknown returns those contacts whose username is not the known one.
func (m *Mirror) unknown(ctx context.Context, contacts []inbound.Contact) (news []inbound.Contact, err error) {
	if err := m.writing.lock(ctx); err != nil {
		return nil, err
	}
	defer m.writing.unlock()
	w := &writer{Mirror: m, plan: newPlan()}
	known, n := make([]string, len(contacts)), naming{}
	for i, c := range contacts {
		n.at(c.ID, &known[i])
	}
	if err := w.name(ctx, n); err != nil {
		return nil, err
	}
	for i, c := range contacts {
		if c.Username != nil && *c.Username != known[i] {
			news = append(news, c)
		}
	}
	return news, nil
}
