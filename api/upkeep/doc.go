// Package upkeep deletes rows that are too old: messages and events that the
// operator no longer wants to keep, and tokens, records and sends that nobody can
// use any more.
//
// The work is SQL only, so one node does it for the whole installation. The node
// that River elected makes one job for each period, and any node takes it. A job
// tells nothing but that it is time to look: each node goes by its own settings, and
// deletes nothing until it believes its clock. A job that finds nothing to do, that
// fails, or whose node does not believe its clock yet is over all the same, and the
// next period brings another one.
//
// The package knows no instances, no workers and no requests. What has to happen on
// the node of a worker, such as the end of a deleted instance, is not done here.
package upkeep
