package feed

import "time"

// Deliveries is what a deliverer needs of the store, for tests in which the
// store fails.
type Deliveries = deliveries

// SetPace shortens what a test cannot wait for.
func (s *Streamer) SetPace(heartbeat, writeTimeout time.Duration) {
	s.heartbeat, s.writeTimeout = heartbeat, writeTimeout
}
