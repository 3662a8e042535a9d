package carry

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/supervisor/moving"
)

// people translate what goes into our own tables. They remember, from part to part, who is
// who and who is there.
type people struct {
	numbers, lids   map[string]string
	contacts, chats map[string]bool
}

func newPeople() *people {
	return &people{map[string]string{}, map[string]string{}, map[string]bool{}, map[string]bool{}}
}

// rows are those of a part for our own tables.
type rows struct {
	contacts [][]any
	chats    [][]any
	pairs    [][]any
}

// of must be called before the part is sealed, though none of it is secret.
func (p *people) of(a *moving.Account) (r rows) {
	for _, pair := range a.Pairs {
		r.pairs = append(r.pairs, []any{pair.LID, pair.PN, a.SharedPairs})
		if !a.SharedPairs {
			p.numbers[pair.LID], p.lids[pair.PN] = pair.PN, pair.LID
		}
	}
	for _, c := range a.Contacts {
		id := idOf(c.JID, p.numbers)
		if id == "" || p.contacts[id] {
			continue
		}
		p.contacts[id] = true
		lid := ""
		if user, found := strings.CutSuffix(id, "@c.us"); found && p.lids[user] != "" {
			lid = p.lids[user] + "@lid"
		}
		r.contacts = append(r.contacts, []any{id, lid, c.FullName, c.FirstName, c.PushName, c.BusinessName})
	}
	for _, c := range a.Chats {
		id := idOf(c.JID, p.numbers)
		if id == "" || p.chats[id] {
			continue
		}
		p.chats[id] = true
		r.chats = append(r.chats, []any{id, c.Archived, c.Pinned, c.MutedUntil})
	}
	return r
}

// idOf writes an address the way the mirror does, "" for what it does not keep.
func idOf(jid string, numbers map[string]string) string {
	user, server, _ := strings.Cut(jid, "@")
	if strings.ContainsAny(user, ":._") || user == "" {
		return ""
	}
	switch server {
	case "s.whatsapp.net":
		return user + "@c.us"
	case "lid":
		if pn := numbers[user]; pn != "" {
			return pn + "@c.us"
		}
		return jid
	case "g.us":
		return jid
	}
	return ""
}

func (r rows) write(ctx context.Context, tx pgx.Tx, instance string) error {
	for _, of := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"lid_pairs", []string{"instance_id", "lid", "pn", "hint"}, r.pairs},
		{"contacts", []string{"instance_id", "id", "lid", "name", "short_name", "push_name", "business_name"}, r.contacts},
		{"chats", []string{"instance_id", "id", "archived", "pinned", "muted_until"}, r.chats},
	} {
		if len(of.rows) == 0 {
			continue
		}
		owned := make([][]any, len(of.rows))
		for i, row := range of.rows {
			owned[i] = append([]any{instance}, row...)
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{of.table}, of.columns, pgx.CopyFromRows(owned)); err != nil {
			return err
		}
	}
	return nil
}
