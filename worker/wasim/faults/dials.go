package faults

import "sync"

// Dials are failures planned for the next connections. Whose connection it is is
// not known yet when they are played, so they apply to all clients. The zero value
// plans nothing.
type Dials struct {
	mu         sync.Mutex
	upgrades   []int // HTTP statuses, or Stalled
	handshakes int
}

// Stalled stands for "no answer" among HTTP statuses.
const Stalled = -1

// RefuseUpgrade answers the next n websocket upgrades with an HTTP status.
func (d *Dials) RefuseUpgrade(status, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range n {
		d.upgrades = append(d.upgrades, status)
	}
}

// StallUpgrade leaves the next n websocket upgrades without an answer, until
// the client gives up.
func (d *Dials) StallUpgrade(n int) { d.RefuseUpgrade(Stalled, n) }

// DropHandshakes breaks the next n connections with a TCP reset when the
// client has said its hello.
func (d *Dials) DropHandshakes(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handshakes += n
}

// Clear drops every failure that is planned and not used up.
func (d *Dials) Clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.upgrades, d.handshakes = nil, 0
}

// TakeUpgrade uses up a planned refusal of an upgrade: an HTTP status, Stalled,
// or 0 when there is none.
func (d *Dials) TakeUpgrade() (status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	status, _ = pop(&d.upgrades)
	return status
}

// TakeHandshake reports, and uses up, that a handshake is to be broken.
func (d *Dials) TakeHandshake() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return takeOne(&d.handshakes)
}
