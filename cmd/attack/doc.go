// Attack attacks a freshly started installation the way a tenant, a taken-over
// worker and a stranger would, and prints one table: what was tried, what had
// to happen, and what was seen. It ends with 1 when one of them got through.
//
// The installation is the product's own: manager, private Postgres and workers,
// in front of the simulator. Its workers are this program under another name: the
// shipped worker, confined as it confines itself, in which code runs that obeys
// the attacker. Everything else goes through the HTTP API. All traffic stays on
// loopback, and every attack is bounded in count and time.
package main
