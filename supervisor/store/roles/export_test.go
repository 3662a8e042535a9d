package roles

import "time"

// Decided lists the tables that somebody decided on.
func Decided() (tables []string) {
	for name := range ours {
		tables = append(tables, name)
	}
	for name := range library {
		tables = append(tables, name)
	}
	return tables
}

// Longest sets what the guard takes for too long.
func (g *Guard) Longest(d time.Duration) { g.longest = d }

// LookOnce is one look of the guard, and LookAtLocks the other one.
var (
	LookOnce    = (*Guard).look
	LookAtLocks = (*Guard).lookAtLocks
)
