package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/standing"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// NoteStanding writes what WhatsApp said about the number, and tells the feed when that is news.
// Code is that of a message which WhatsApp refused with it, 0 for none; of any other
// refused message, the notice is nil and only the count is kept. It returns what is
// known of the number then.
func (m *Mirror) NoteStanding(ctx context.Context, notice *standing.Notice, code int) (standing.Document, error) {
	if err := m.writing.lock(ctx); err != nil {
		return standing.Document{}, err
	}
	defer m.writing.unlock()
	var known standing.Document
	err := m.write(ctx, func(ctx context.Context, _ bool) (*plan, error) {
		p := newPlan()
		var err error
		if known, err = m.standing(ctx); err != nil {
			return nil, err
		}
		if code != 0 {
			p.put.CountRefusal(ctx, db.CountRefusalParams{InstanceID: m.instance, Code: int32(code), At: m.now()})
		}
		if notice == nil {
			return p, nil
		}
		next, news := known.After(*notice)
		if notice.Kind == standing.LoggedIn && !news {
			return p, nil // every login says so
		}
		known = next
		encoded, err := shape.Marshal(next)
		if err != nil {
			return nil, err
		}
		p.put.PutStanding(ctx, db.PutStandingParams{InstanceID: m.instance, Document: encoded, EndsAt: next.NextEnd()})
		if news {
			// The same word again is no news, so the key need not tell it from the first.
			key := fmt.Sprintf("number_health:%s:%d", notice.Kind, m.now().UnixNano())
			err = p.emit(key, "number_health", "", time.Time{}, standing.News{Change: notice.Kind, Document: next})
		}
		return p, err
	})
	if err != nil {
		return known, fmt.Errorf("note the number's standing: %w", err)
	}
	return known, nil
}

func (m *Mirror) standing(ctx context.Context) (known standing.Document, err error) {
	raw, err := m.q.Standing(ctx, m.instance)
	if err == nil {
		err = json.Unmarshal(raw, &known)
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return known, fmt.Errorf("read the number's standing: %w", err)
	}
	return known, nil
}

// HasWritten tells whether the person of a chat has ever written in it.
func (m *Mirror) HasWritten(ctx context.Context, chat string) (bool, error) {
	written, err := m.q.HasWritten(ctx, db.HasWrittenParams{
		InstanceID: m.instance, Chat: chat, Notices: shape.Notifications,
	})
	if err != nil {
		return false, fmt.Errorf("look who wrote: %w", err)
	}
	return written, nil
}

// mostContacts bounds the list of FirstContacts. No plan lets a number write to more
// strangers in a day.
const mostContacts = 10_000

// FirstContacts returns the ids of the people to whom the account has sent something, or
// whom it has approached, since a time before they had ever written.
func (m *Mirror) FirstContacts(ctx context.Context, since time.Time) ([]string, error) {
	acct := m.Account()
	chats, err := m.q.FirstContacts(ctx, db.FirstContactsParams{
		InstanceID: m.instance, Since: since.Unix(), Own: []string{acct.ID(), shape.ID(acct.LID)},
		Notices: shape.Notifications, AtMost: mostContacts,
	})
	if err != nil {
		return nil, fmt.Errorf("list first contacts: %w", err)
	}
	return chats, nil
}

// Strangers returns those of these people, by id, who have never written to the account.
func (m *Mirror) Strangers(ctx context.Context, people []string) ([]string, error) {
	strange, err := m.q.Strangers(ctx, db.StrangersParams{
		InstanceID: m.instance, People: people, Notices: shape.Notifications,
	})
	if err != nil {
		return nil, fmt.Errorf("look who wrote: %w", err)
	}
	return strange, nil
}

// NoteApproached records that the account has just turned to these people, by id, in a
// way that leaves no message in the mirror: it put them into a group, for one.
func (m *Mirror) NoteApproached(ctx context.Context, people []string) error {
	err := m.q.NoteApproached(ctx, db.NoteApproachedParams{InstanceID: m.instance, People: people, At: m.now().Unix()})
	if err != nil {
		return fmt.Errorf("note whom the account approached: %w", err)
	}
	return nil
}
