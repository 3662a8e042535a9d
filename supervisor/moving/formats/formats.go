package formats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/baileys"
	"whatsapp-manager/supervisor/moving/neutral"
	"whatsapp-manager/supervisor/moving/sqlstore"
)

// The forms, by the names that users write.
const (
	SQLite   = "whatsmeow-sqlite"
	Postgres = "whatsmeow-postgres"
	Baileys  = "baileys"
	Neutral  = "wa-store-migrate"
)

// reading are the forms that are read from files; each fills in the report's losses.
var reading = map[string]func(ctx context.Context, path, device string, r *moving.Report) (*moving.Account, error){
	SQLite: readSQLite,
	Baileys: func(_ context.Context, path, _ string, r *moving.Report) (*moving.Account, error) {
		return baileys.Read(path, r)
	},
	Neutral: func(_ context.Context, path, _ string, r *moving.Report) (*moving.Account, error) {
		return neutral.Read(path, r)
	},
}

// Files lists the forms that are read from files, in the order of their names.
func Files() []string {
	var names []string
	for name := range reading {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Known refuses a form that is not read from files. The fault lists those that are.
func Known(form string) error {
	if _, ok := reading[form]; ok {
		return nil
	}
	return fault.Bad("formats", "from", "from: %q is no known form; those are %s", shortened(form), strings.Join(Files(), ", "))
}

func shortened(text string) string { return text[:min(len(text), 40)] }

// Read reads an account from a file or a folder, checks it, and reports what was taken and
// what is lost. device chooses one of several; empty: the only one.
func Read(ctx context.Context, form, path, device string) (*moving.Account, *moving.Report, error) {
	if err := Known(form); err != nil {
		return nil, nil, err
	}
	path, err := unpacked(path)
	if err != nil {
		return nil, nil, err
	}
	r := moving.NewReport(form)
	a, err := reading[form](ctx, path, device, r)
	if err != nil {
		return nil, nil, err
	}
	return finish(a, r)
}

func isFault(err error) bool {
	_, ok := errors.AsType[*fault.Error](err)
	return ok
}

func finish(a *moving.Account, r *moving.Report) (*moving.Account, *moving.Report, error) {
	a.Trim()
	if err := a.Check(); err != nil {
		return nil, nil, err
	}
	r.Count(a)
	r.Lose("history", 0, "the form holds no messages; new ones are kept from now on")
	if len(a.Collections) == 0 {
		r.Lose("appStateVersions", 0, "there are none: the app state (archived, pinned, muted, labels) is read anew from WhatsApp")
	}
	if len(a.SenderKeys) == 0 {
		r.Lose("senderKeys", 0, "there are none: members of groups send theirs again when we ask")
	}
	r.Advise("End the former program for good before you start this instance. While both run, WhatsApp lets only one be connected, and both lose messages.")
	r.Advise("If the instance is refused with stream_replaced after its start, the former program is still connected: this server steps back and does not try again by itself. End the former program, then start the instance.")
	r.Advise("Never start the former program with its old files again: Signal's keys change with every message, and the old ones no longer fit.")
	return a, r, nil
}

func readSQLite(ctx context.Context, path, device string, r *moving.Report) (*moving.Account, error) {
	path, err := theDatabase(path)
	if err != nil {
		return nil, err
	}
	if sqlstore.UsesWAL(path) && !exists(path+"-wal") {
		r.Advise("The SQLite file was last used with a write-ahead log, and no such file (-wal) came along. That is fine if the former program was ended properly; if it was killed, import again with the -wal file beside it.")
	}
	a, err := sqlstore.ReadSQLite(ctx, path, device)
	if err == nil {
		shared(a, r)
	}
	return a, err
}

// ReadPostgres reads an account from the database of another program, see Read.
func ReadPostgres(ctx context.Context, q sqlstore.Querier, device string) (*moving.Account, *moving.Report, error) {
	r := moving.NewReport(Postgres)
	a, err := sqlstore.ReadChosen(ctx, q, sqlstore.Postgres, device)
	if err != nil {
		return nil, nil, err
	}
	shared(a, r)
	return finish(a, r)
}

func shared(a *moving.Account, r *moving.Report) {
	if a.SharedPairs && len(a.Pairs) > 0 {
		r.Advise("Several devices wrote to the same list of phone numbers and hidden ids (LIDs). It is taken as a hint: WhatsApp is asked before a message is sent.")
	}
}

// Describe lists the forms for help texts.
func Describe() string {
	return fmt.Sprintf("%s (a database URL in a file), %s", Postgres, strings.Join(Files(), ", "))
}
