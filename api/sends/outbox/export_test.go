package outbox

// Stopped is closed when nothing of the queue runs any more.
func (q *Queue) Stopped() <-chan struct{} { return q.river.Stopped() }
