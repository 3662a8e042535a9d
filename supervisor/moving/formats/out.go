package formats

import (
	"context"
	"database/sql"
	"slices"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/baileys"
	"whatsapp-manager/supervisor/moving/neutral"
	"whatsapp-manager/supervisor/moving/sqlstore"
)

// Tables makes whatsmeow's tables in a new database (keystore.CreateIn).
type Tables func(ctx context.Context, db *sql.DB, dialect string) error

// writable are the forms that accounts go out in.
var writable = []string{SQLite, Baileys, Neutral}

// Writable lists the forms that accounts go out in.
func Writable() []string { return slices.Clone(writable) }

// WriteKnown refuses a form that is not written.
func WriteKnown(form string) error {
	if slices.Contains(writable, form) {
		return nil
	}
	return fault.Bad("formats", "to", "to: %q is no form that accounts go out in; those are %v", shortened(form), writable)
}

// Write writes an account to path, which must not exist: a file, or a folder. After an
// error it may be there in part. The keys in it stand open, so only its owner may read it.
func Write(ctx context.Context, form, path string, a *moving.Account, tables Tables) (*moving.Report, error) {
	if err := WriteKnown(form); err != nil {
		return nil, err
	}
	r := moving.NewReport(form)
	r.Count(a)
	r.Lose("history", 0, "the form holds no messages; this server keeps them until the instance is deleted")
	var err error
	switch form {
	case SQLite:
		err = sqlstore.WriteSQLite(ctx, path, a, tables)
	case Baileys:
		err = baileys.Write(path, a, r)
	case Neutral:
		err = neutral.Write(path, a, r)
	}
	r.Advise("The keys in it stand open: whoever has the file or folder is the account. Start the other program with it once, and keep no copy.")
	r.Advise("Do not start the instance here again: Signal's keys change with every message, and ours no longer fit.")
	return r, err
}
