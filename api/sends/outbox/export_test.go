package outbox

import "time"

// SetTurn says how long a drain sends before others get its place.
func (q *Queue) SetTurn(turn time.Duration) { q.turn = turn }

// Drainers is how many queues send at the same time.
const Drainers = drainers

// Stopped is closed when nothing of the queue runs any more.
func (q *Queue) Stopped() <-chan struct{} { return q.river.Stopped() }
