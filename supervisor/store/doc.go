// Package store is our part of the database: the SQL about users, keys,
// instances, workers, feeds and webhooks, and the schema of all tables. The
// statements of this package are in queries/, from which sqlc makes package db;
// the schema is in migrations/.
//
// Two packages below it keep SQL in Go, because their statements are made from
// lists of tables and columns that are known only at run time: archive carries an
// instance as a whole to another database, and roles gives each worker its rights.
//
// It gives the API its rows (*Store) and supervision its memory (*Supervision).
// It holds no state of its own and decides nothing about instances. Every time is
// the caller's, with one exception that its method names.
//
// Errors are faults: NotFound for a row that is not there, Conflict with Field
// for one that is there already, Invalid for a value the schema refuses,
// Unavailable when the database cannot be reached or is going down, Deadline
// when ctx ended by its deadline. A write that failed with Unavailable may or may
// not have happened; all writes here can be repeated, except where an id is
// created, and there the repetition is a Conflict.
//
// The workers write the mirror's tables (worker/mirror). Here they are only
// counted, and deleted with their instance.
package store

//go:generate go tool -modfile=../../.ci/tools/sqlc.mod sqlc generate
