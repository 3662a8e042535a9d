// Package numberhealth keeps numbers healthy: it shows what WhatsApp says of an
// instance's number and how people answer it, and holds sends to the owner's policy.
//
//	worker ──▶ number_standing ──▶ Gate ──▶ sends.Sender     may this go now?
//	mirror ──▶ counts          ──▶ GET …/health
//	Keeper                     ──▶ number_health             when something runs out
//
// What to hold back is decided in api/sends/healthpolicy, a pure function; the Gate
// brings it the facts. Who has written before, only the worker knows for certain, so the
// Gate gives it the bound on first contacts along with the call. When the database is
// away and nothing is known of a number, the Gate lets a send go: it is there to keep
// numbers healthy, and not to stop them.
//
// The package must not know how a message gets to WhatsApp, or what is in it.
package numberhealth
