// Command attack attacks a freshly started installation as a tenant, a taken-over
// worker and a stranger would. It prints one table: what was tried, what had to
// happen, and what was seen. It exits with 1 if any attack got through.
//
// The installation is the product's own: manager, private Postgres and workers, in
// front of the simulator. Its workers are this program under another name: the
// shipped worker, which confines itself as usual, plus code that obeys the
// attacker. Everything else goes through the HTTP API. All traffic stays on
// loopback, and every attack is bounded in count and time.
package main
