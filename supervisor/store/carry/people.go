package carry

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/supervisor/moving"
)

// people are what of an account goes into our own tables.
type people struct {
	contacts [][]any
	chats    [][]any
	pairs    [][]any
}

// peopleOf must be called before the account is sealed, though none of it is secret.
func peopleOf(a *moving.Account) people {
	var p people
	numbers, lids := map[string]string{}, map[string]string{}
	for _, pair := range a.Pairs {
		p.pairs = append(p.pairs, []any{pair.LID, pair.PN, a.SharedPairs})
		if !a.SharedPairs {
			numbers[pair.LID], lids[pair.PN] = pair.PN, pair.LID
		}
	}
	seen := map[string]bool{}
	for _, c := range a.Contacts {
		id := idOf(c.JID, numbers)
		if id == "" || seen[id] {
			continue
		}
		seen[id] = true
		lid := ""
		if user, found := strings.CutSuffix(id, "@c.us"); found && lids[user] != "" {
			lid = lids[user] + "@lid"
		}
		p.contacts = append(p.contacts, []any{id, lid, c.FullName, c.FirstName, c.PushName, c.BusinessName})
	}
	seen = map[string]bool{}
	for _, c := range a.Chats {
		id := idOf(c.JID, numbers)
		if id == "" || seen[id] {
			continue
		}
		seen[id] = true
		p.chats = append(p.chats, []any{id, c.Archived, c.Pinned, c.MutedUntil})
	}
	return p
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

func (p people) write(ctx context.Context, tx pgx.Tx, instance string) error {
	for _, of := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"lid_pairs", []string{"instance_id", "lid", "pn", "hint"}, p.pairs},
		{"contacts", []string{"instance_id", "id", "lid", "name", "short_name", "push_name", "business_name"}, p.contacts},
		{"chats", []string{"instance_id", "id", "archived", "pinned", "muted_until"}, p.chats},
	} {
		rows := make([][]any, len(of.rows))
		for i, r := range of.rows {
			rows[i] = append([]any{instance}, r...)
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{of.table}, of.columns, pgx.CopyFromRows(rows)); err != nil {
			return err
		}
	}
	return nil
}
