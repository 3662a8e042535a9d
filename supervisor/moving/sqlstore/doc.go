// Package sqlstore reads and writes accounts in the tables of whatsmeow's own store
// (go.mau.fi/whatsmeow/store/sqlstore): those of every program that uses whatsmeow as it
// is, in SQLite and in Postgres, and those of our own workers.
//
// It works on the tables' form alone and links nothing of whatsmeow: the manager must not
// link a library for Signal. Tables of older versions lack columns and tables; what they
// lack is empty. A newer version is read when it says itself that older programs may.
//
// Foreign SQLite files are a stranger's input: sqlite.go says what is refused. Foreign
// databases in Postgres are read in one read-only transaction, as one snapshot.
//
// The package must not know seals: it reads and writes what stands in the tables.
package sqlstore
