// Package bounds limits what a worker takes from outside: memory for files that
// calls have in their hands (Budget), bytes that are downloaded (Transport, whose
// limits travel in contexts), and what compressed documents unfold to (Inflate,
// Cost). Nothing in it believes a size that somebody claims.
package bounds
