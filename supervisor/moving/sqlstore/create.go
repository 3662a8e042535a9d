package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"whatsapp-manager/supervisor/moving"
)

// WriteSQLite makes a new SQLite file at path with the account in it. create makes
// whatsmeow's tables in their newest form (keystore.CreateIn). Any program that uses
// whatsmeow's store opens the file. It must not exist; after an error it may be there in
// part.
func WriteSQLite(ctx context.Context, path string, a *moving.Account, create func(ctx context.Context, db *sql.DB, dialect string) error) error {
	uri := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	lib, err := sql.Open("sqlite", uri.String()+"?_foreign_keys=1")
	if err != nil {
		return fmt.Errorf("make SQLite file: %w", err)
	}
	lib.SetMaxOpenConns(1)
	if err = create(ctx, lib, "sqlite3"); err == nil {
		err = fill(ctx, lib, a)
	}
	return errors.Join(err, lib.Close())
}

func fill(ctx context.Context, lib *sql.DB, a *moving.Account) error {
	tx, err := lib.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write SQLite file: %w", err)
	}
	put := func(r Rows) error { return insert(ctx, tx, r) }
	err = Write(a, put)
	if err == nil && len(a.Pairs) > 0 {
		err = put(rowsOf("whatsmeow_lid_map", "lid pn", a.Pairs, func(p moving.Pair) []any { return []any{p.LID, p.PN} }))
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func insert(ctx context.Context, tx *sql.Tx, r Rows) error {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(r.Columns)), ", ")
	//nolint:gosec // the names are ours
	stmt, err := tx.PrepareContext(ctx, "insert into "+r.Table+" ("+strings.Join(r.Columns, ", ")+") values ("+marks+")")
	if err != nil {
		return fmt.Errorf("write %s: %w", r.Table, err)
	}
	defer stmt.Close()
	for _, row := range r.Values {
		if _, err := stmt.ExecContext(ctx, row...); err != nil {
			return fmt.Errorf("write %s: %w", r.Table, err)
		}
	}
	return nil
}
