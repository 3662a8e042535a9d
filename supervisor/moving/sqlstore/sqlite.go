package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	lite "modernc.org/sqlite"
	litelib "modernc.org/sqlite/lib"

	"whatsapp-manager/supervisor/moving"
)

// ReadSQLite reads a device from a SQLite file, see ReadChosen. The file is a stranger's:
// it is opened so that it cannot run code of ours that writes, a table that is a view, a
// virtual table or has computed columns is refused, and values and time are bounded. What
// SQLite left beside the file when it was not closed (-wal, -journal) is read, too.
//
// The file must be the caller's own copy, in a directory of its own: reading what was not
// closed changes it.
func ReadSQLite(ctx context.Context, path, device string) (*moving.Account, error) {
	if err := isSQLite(path); err != nil {
		return nil, err
	}
	var a *moving.Account
	err := withSQLite(ctx, path, func(conn *sql.Conn) error {
		err := plainTables(ctx, conn)
		if err == nil {
			a, err = ReadChosen(ctx, conn, sqlite, device)
		}
		return err
	})
	return a, err
}

const magic = "SQLite format 3\x00"

func isSQLite(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open SQLite file: %w", err)
	}
	defer f.Close()
	head := make([]byte, 100)
	if _, err := io.ReadFull(f, head); err != nil || string(head[:len(magic)]) != magic {
		return moving.Unreadable("the file is not a SQLite database")
	}
	return nil
}

// UsesWAL tells whether a SQLite file was last used with a write-ahead log. What stands in
// a log that did not come along is missing.
func UsesWAL(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	version := make([]byte, 1)
	_, err = f.ReadAt(version, 18)
	return err == nil && version[0] == 2
}

// withSQLite opens a file for reading and runs f with its only connection.
func withSQLite(ctx context.Context, path string, f func(*sql.Conn) error) error {
	mode := "mode=ro&immutable=1"
	for _, left := range []string{"-wal", "-journal"} {
		if _, err := os.Stat(path + left); err == nil {
			mode = "mode=rw" // what was left has to be worked in
		}
	}
	uri := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	db, err := sql.Open("sqlite", uri.String()+"?"+mode+
		"&_defensive=1&_dqs=0&_pragma=trusted_schema(0)&_pragma=cell_size_check(1)&_pragma=mmap_size(0)&_pragma=temp_store(2)&_query_only=1")
	if err != nil {
		return fmt.Errorf("open SQLite file: %w", err)
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return errors.Join(moving.Unreadable("the file is a SQLite database that cannot be opened"), db.Close())
	}
	for limit, most := range map[int]int{
		litelib.SQLITE_LIMIT_LENGTH: moving.MaxValue + 1<<16, litelib.SQLITE_LIMIT_SQL_LENGTH: 1 << 16,
		litelib.SQLITE_LIMIT_EXPR_DEPTH: 50, litelib.SQLITE_LIMIT_ATTACHED: 0, litelib.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
	} {
		if _, err := lite.Limit(conn, limit, most); err != nil {
			return errors.Join(fmt.Errorf("limit SQLite: %w", err), conn.Close(), db.Close())
		}
	}
	return errors.Join(f(conn), conn.Close(), db.Close())
}

// plainTables refuses what could stand in the place of whatsmeow's tables. Computed columns
// need no refusal: SQLite does not list them, so they are not read.
func plainTables(ctx context.Context, q Querier) error {
	r := newReader(ctx, q, sqlite)
	var found error
	err := r.each("pragma_table_list", "schema name type", "limit 10000", nil, func(v values) {
		if kind := v.text(2); strings.HasPrefix(strings.ToLower(v.text(1)), "whatsmeow_") && (kind != "table" || v.text(0) != "main") {
			found = moving.Unreadable("the database has a %s where a table of whatsmeow's belongs", kind)
		}
	})
	if err == nil {
		err = found
	}
	return err
}
