package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const (
	awayWait    = 10 * time.Second // at most, until an account that is away is tried again
	stoppedWait = 30 * time.Second // until one is that nobody runs
	restAtLeast = time.Second
	rest        = time.Minute // when WhatsApp says "too much" and no time
	maxOddities = 5           // attempts that end with an error of ours before the send fails
	bookTime    = 10 * time.Second
)

// drain is the job: send what is due in the instance's queue.
type drain struct {
	Instance supervisor.ID `json:"instance"`
}

// Kind is asked by River.
func (drain) Kind() string { return "drain_sends" }

type drainer struct {
	river.WorkerDefaults[drain]
	q *Queue
}

// Work drains one queue. It comes back later by a snooze, which is no failure.
func (d *drainer) Work(ctx context.Context, job *river.Job[drain]) error {
	q, id := d.q, job.Args.Instance
	if !q.enter(id, job.ID) {
		return nil
	}
	for {
		wait, err := q.drain(ctx, id)
		if err != nil {
			if !fault.Is(err, fault.Unavailable) && ctx.Err() == nil {
				q.log.Warn().Err(err).Str("instance", string(id)).Msg("a queue of sends could not be worked on")
			}
			wait = awayWait
		}
		if q.leave(id, job.ID, wait) {
			if wait > 0 {
				return river.JobSnooze(wait)
			}
			return nil
		}
	}
}

// drain sends what is due, in order, and returns how long to wait before there
// may be more to do; 0 when nothing is due.
func (q *Queue) drain(ctx context.Context, id supervisor.ID) (wait time.Duration, err error) {
	for ctx.Err() == nil {
		send, err := q.store.QueueHead(ctx, id, time.Now())
		if fault.Is(err, fault.NotFound) {
			return 0, nil // what is not due has a job of its own
		}
		if err != nil {
			return 0, err
		}
		if wait, err := q.resting(ctx, id); wait > 0 || err != nil {
			return wait, err
		}
		in, err := q.store.Instance(ctx, id)
		if err != nil {
			return 0, err
		}
		if wait, err = q.send(ctx, in, send); wait > 0 || err != nil {
			return wait, err
		}
	}
	return 0, ctx.Err()
}

// resting returns how long the queue still rests, and ends a rest that is over.
func (q *Queue) resting(ctx context.Context, id supervisor.ID) (time.Duration, error) {
	pause, err := q.store.Pause(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if left := q.restLeft(id, pause.Until); left > 0 {
		return left, nil
	}
	ev, err := event(id, "sends_resumed", fmt.Sprintf("sends_resumed:%d", pause.Until.UnixNano()), struct{}{})
	if err != nil {
		return 0, err
	}
	defer q.wake(id)
	if err := q.store.EndPause(ctx, id, ev); err != nil {
		return 0, err
	}
	q.mu.Lock()
	delete(q.rests, id)
	q.mu.Unlock()
	return 0, nil
}

// send makes one attempt and writes down what became of it. Wait is how long
// the queue has to stand still.
func (q *Queue) send(ctx context.Context, in store.Instance, send store.Send) (wait time.Duration, err error) {
	// First that it is with a worker: from here on nobody can cancel it.
	running := send
	running.State = store.SendRunning
	if err := q.store.MarkSend(ctx, running, true); err != nil {
		if fault.Is(err, fault.NotFound) {
			return 0, nil // cancelled meanwhile
		}
		return 0, err
	}
	interrupted := send.State == store.SendRunning // before this attempt, and may be out since
	result, began, cause := q.attempt(ctx, in, send)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookTime)
	defer cancel()
	send.Code, send.Reason = "", ""
	if cause == nil {
		send.State, send.Result = store.SendSent, result
		if len(result) == 0 {
			send.Result = json.RawMessage("null")
		}
		return 0, q.end(ctx, send)
	}
	var f *fault.Error
	if !errors.As(cause, &f) {
		f = &fault.Error{Kind: fault.Internal, Err: cause}
	}
	if send.Code = f.Code; send.Code == "" {
		send.Code = string(f.Kind)
	}
	if send.Reason = f.Msg; f.Kind == fault.Internal {
		send.Reason = "an error on our side"
		q.log.Error().Err(cause).Str("instance", string(in.ID)).Str("send", send.MessageID).Msg("a queued send failed")
	}
	out := interrupted || began && f.Sent != fault.SentNothing
	wait, final := verdict(f, began, send.Attempts+1)
	if final {
		send.State = store.SendFailed
		if out && f.Kind != fault.Refused {
			send.State = store.SendUnknown
		}
		return 0, q.end(ctx, send)
	}
	// One that may be out cannot be cancelled any more.
	if send.State = store.SendQueued; out {
		send.State = store.SendRunning
	}
	if began && (f.Kind == fault.RateLimited || f.Code == "temporary_ban") {
		return wait, errors.Join(q.store.MarkSend(ctx, send, false), q.pause(ctx, in.ID, wait, send.Code))
	}
	return wait, q.store.MarkSend(ctx, send, false)
}

// verdict says whether a failure is the end of the send, or how long to wait.
func verdict(f *fault.Error, began bool, attempts int) (wait time.Duration, final bool) {
	switch f.Kind {
	case fault.RateLimited:
		if f.RetryAfter == 0 {
			return rest, false
		}
		return max(f.RetryAfter, restAtLeast), false
	case fault.Stopped, fault.Unpaired:
		return stoppedWait, false
	case fault.Offline:
		if f.Code == "temporary_ban" {
			return max(f.RetryAfter, rest), false
		}
		// Most are back at once: the worker was replaced, or its connection was.
		return min(awayWait, restAtLeast<<min(attempts-1, 10)), false
	case fault.Starting, fault.Unavailable, fault.Deadline:
		return max(f.RetryAfter, restAtLeast), false
	case fault.Internal:
		return awayWait, attempts >= maxOddities
	}
	return 0, true
}

// restLeft is how much of a rest is left, by the clock that nobody sets where
// this process saw it begin.
func (q *Queue) restLeft(id supervisor.ID, until time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if r, ok := q.rests[id]; ok && r.until.Equal(until) {
		return time.Until(r.over)
	}
	return time.Until(until)
}

func (q *Queue) pause(ctx context.Context, id supervisor.ID, wait time.Duration, reason string) error {
	over := time.Now().Add(wait)
	p := store.Pause{Until: over.UTC().Truncate(time.Microsecond), Reason: reason} // as the store will have it
	q.mu.Lock()
	q.rests[id] = rested{until: p.Until, over: over}
	q.mu.Unlock()
	ev, err := event(id, "sends_paused", fmt.Sprintf("sends_paused:%d", p.Until.UnixNano()), map[string]any{"until": p.Until, "reason": p.Reason})
	if err != nil {
		return err
	}
	defer q.wake(id)
	return q.store.SetPause(ctx, id, p, ev)
}

// end writes the end of a send, and tells the feed.
func (q *Queue) end(ctx context.Context, send store.Send) error {
	ended := time.Now().UTC()
	send.EndedAt = &ended
	ev, err := update(send)
	if err != nil {
		return err
	}
	defer q.wake(send.Instance)
	return q.store.MarkSend(ctx, send, false, ev)
}

// update is the event of a send's end.
func update(send store.Send) (store.Event, error) {
	told := map[string]any{"key": send.Key, "method": send.Method, "state": send.State, "messageId": send.MessageID}
	if send.Code != "" {
		told["code"], told["error"] = send.Code, send.Reason
	}
	return event(send.Instance, "send_update", "send_update:"+send.MessageID+":"+string(send.State), told)
}

// event is one of the manager's own, in the form that the feed has.
func event(id supervisor.ID, kind, key string, data any) (store.Event, error) {
	payload, err := json.Marshal(map[string]any{"data": data, "args": []any{data}})
	if err != nil {
		return store.Event{}, fmt.Errorf("write event: %w", err)
	}
	return store.Event{Instance: id, Key: key, Type: kind, Payload: payload, At: time.Now().UTC()}, nil
}
