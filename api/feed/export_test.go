package feed

import "time"

// SetPace shortens what a test cannot wait for.
func (s *Streamer) SetPace(heartbeat, writeTimeout time.Duration) {
	s.heartbeat, s.writeTimeout = heartbeat, writeTimeout
}
