// Package store is our part of the database: every line of SQL about users,
// keys, instances, workers, feeds and webhooks, and the schema of all tables.
// The statements are in queries/, from which sqlc makes package db; the schema
// is in migrations/.
//
// It gives the API its rows (*Store) and supervision its memory
// (*Supervision). It holds no state of its own, decides nothing about
// instances, and takes every time from the caller, with one exception noted at
// the method.
//
// Errors are faults: NotFound for a row that is not there, Conflict with Field
// for one that is there already, Invalid for a value the schema refuses,
// Unavailable when the database cannot be reached or is going down, Deadline
// when ctx ended by its deadline. A write that failed with Unavailable may or may
// not have happened; all writes here can be repeated, except where an id is
// created, and there the repetition is a Conflict.
//
// The mirror's tables are written by the workers (worker/mirror); here they
// are only counted, and go with their instance. Package archive takes an
// instance as a whole to another database.
package store

//go:generate go tool -modfile=../../.ci/tools/sqlc.mod sqlc generate
