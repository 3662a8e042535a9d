package relay

import (
	"context"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/shape"
)

// RefreshBlocklist asks WhatsApp which people the account has blocked, and keeps
// the list for isBlocked of contacts.
func (t *Table) RefreshBlocklist(ctx context.Context, cli *whatsmeow.Client) error {
	listed, err := cli.GetBlocklist(ctx)
	if err != nil {
		return fmt.Errorf("ask for blocked contacts: %w", err)
	}
	_, err = t.deps.keepBlocklist(ctx, cli, listed)
	return err
}

// KeepBlocklist puts the list of blocked people into the mirror and returns their
// ids, by phone number where that is known.
func (c *Call) KeepBlocklist(ctx context.Context, listed *types.Blocklist) ([]string, error) {
	return c.keepBlocklist(ctx, c.Client, listed)
}

func (d *Deps) keepBlocklist(ctx context.Context, cli *whatsmeow.Client, listed *types.Blocklist) ([]string, error) {
	ids := make([]string, 0, len(listed.JIDs))
	for _, jid := range listed.JIDs {
		number, err := numberOf(ctx, cli, jid)
		if err != nil {
			return nil, err
		}
		if id := shape.ID(number.ToNonAD()); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, d.Mirror.SetBlocked(ctx, ids)
}
