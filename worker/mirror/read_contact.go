package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// Contacts returns all known people, ourselves, and all groups, as upstream does.
func (m *Mirror) Contacts(ctx context.Context) ([]shape.Contact, error) {
	rows, err := m.q.Contacts(ctx, m.instance)
	if err != nil {
		return nil, fmt.Errorf("read contacts: %w", err)
	}
	groups, err := m.q.GroupsList(ctx, m.instance)
	if err != nil {
		return nil, fmt.Errorf("read groups: %w", err)
	}
	contacts := make([]shape.Contact, 0, len(rows)+len(groups)+1)
	me, seen := m.me(), false
	for _, r := range rows {
		seen = seen || r.ID == me
		contacts = append(contacts, m.contact(db.OneContactRow(r)))
	}
	if !seen && me != "" {
		contacts = append(contacts, m.contact(db.OneContactRow{ID: me}))
	}
	for _, g := range groups {
		contacts = append(contacts, m.contact(db.OneContactRow{ID: g.ID, Name: g.Name}))
	}
	return contacts, nil
}

// Contact returns one contact by its id in either form. For an unknown id it returns a
// contact without names, as upstream does.
func (m *Mirror) Contact(ctx context.Context, id string) (shape.Contact, error) {
	if !shape.IsUser(id) {
		row, _, err := m.readChat(ctx, id)
		if err != nil {
			return shape.Contact{}, err
		}
		return m.contact(db.OneContactRow{ID: id, Name: row.Name}), nil
	}
	if acct := m.Account(); id == shape.ID(acct.LID) {
		id = acct.ID()
	}
	row, err := m.q.OneContact(ctx, db.OneContactParams{InstanceID: m.instance, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		row = db.OneContactRow{ID: id}
	} else if err != nil {
		return shape.Contact{}, fmt.Errorf("read contact: %w", err)
	}
	return m.contact(row), nil
}

func (m *Mirror) contact(row db.OneContactRow) shape.Contact {
	wid := shape.NewWid(row.ID)
	c := shape.Contact{
		ID: wid, LID: row.Lid, Name: row.Name, ShortName: row.ShortName, Pushname: row.PushName, VerifiedName: row.BusinessName,
		Username: row.Username, IsBusiness: row.BusinessName != "", IsMe: row.ID == m.me(), IsUser: shape.IsUser(row.ID),
		IsGroup: shape.IsGroup(row.ID), IsWAContact: true, IsBlocked: row.Blocked, Type: "in",
	}
	if c.IsUser && !shape.IsLID(row.ID) {
		c.Number = &wid.User
	}
	if shape.IsLID(row.ID) {
		c.LID = row.ID
	}
	if c.IsMe {
		c.LID = shape.ID(m.Account().LID)
		if acct := m.Account(); acct.PushName != "" {
			c.Pushname = acct.PushName
		}
	}
	c.IsMyContact = c.IsUser && row.Name != ""
	return c
}

// SetBlocked records the whole list of blocked contacts, by id.
func (m *Mirror) SetBlocked(ctx context.Context, ids []string) error {
	if ids == nil {
		ids = []string{}
	}
	if err := m.q.SetBlocked(ctx, db.SetBlockedParams{InstanceID: m.instance, Ids: ids}); err != nil {
		return fmt.Errorf("keep blocked contacts: %w", err)
	}
	return nil
}
