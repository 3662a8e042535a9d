// Package loginguard slows guessing of passwords down, by the address it comes
// from and by the account it is aimed at, and counts what failed for the audit
// log. It locks nobody out: whoever comes from an address from which the
// account was used before is not held up by what others try at it.
//
// What it remembers is bounded, lives in this process only, and forgets what
// was used longest ago.
package loginguard
