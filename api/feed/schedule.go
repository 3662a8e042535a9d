package feed

import (
	"math/rand/v2"
	"time"
)

// Schedule says when a failed delivery is tried again. The zero value is the
// default: 1 s, doubling up to an hour, for three days.
type Schedule struct {
	First   time.Duration // before the second try
	Longest time.Duration // no wait is longer
	GiveUp  time.Duration // after this long in the backlog the event becomes a dead letter
}

func (s Schedule) orDefault() Schedule {
	if s.First <= 0 {
		s.First = time.Second
	}
	if s.Longest <= 0 {
		s.Longest = time.Hour
	}
	if s.GiveUp <= 0 {
		s.GiveUp = 72 * time.Hour
	}
	return s
}

// wait is the delay after the given number of failed tries, with up to a
// quarter taken off at random so that lanes do not march in step.
func (s Schedule) wait(attempts int) time.Duration {
	d := s.First
	for i := 1; i < attempts && d < s.Longest; i++ {
		d *= 2
	}
	d = min(d, s.Longest)
	return d - rand.N(d/4+1)
}

// spent reports whether the tries made so far have used up GiveUp. It counts
// the shortest waits, so that an event is never given up too early for lack of
// a recorded first failure.
func (s Schedule) spent(attempts int) bool {
	var total time.Duration
	d := s.First
	for range attempts {
		total += d - d/4
		d = min(2*d, s.Longest)
		if total >= s.GiveUp {
			return true
		}
	}
	return false
}
