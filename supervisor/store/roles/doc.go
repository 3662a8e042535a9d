// Package roles says who may do what in the database. The manager owns
// everything. Each worker has a role of its own for each generation, which sees
// and writes the rows of its instance and no others: in our tables by the
// instance, in whatsmeow's by the device that the instance holds (table
// devices). Which tables, and what of them, is in tables.go, one decision for
// each; a table without one is closed to workers.
//
// A role is made when its generation begins and ends before the next one
// begins: its password first, then its sessions, then itself. So a worker that
// was given up can write nothing any more, whatever it still believes.
//
// An operator's Postgres may not let the manager make roles. Then all workers
// share one that the operator made, or, as a last resort, the manager's own;
// State tells which, for people.
package roles
