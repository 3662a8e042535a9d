package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"whatsapp-manager/api/sends"
	"whatsapp-manager/api/sends/healthpolicy"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/event"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const (
	awayWait     = 10 * time.Second // at most, until an account that is away is tried again
	stoppedWait  = 30 * time.Second // until an account is tried again that nobody runs
	pauseAtLeast = time.Second
	pauseDefault = time.Minute // when WhatsApp says "too much" and names no time
	maxInternal  = 5           // tries that end with an error of ours before the send fails
	tryTime      = time.Minute
	recordTime   = 10 * time.Second

	turnTime = 10 * time.Second // how long a drain sends before others get its place
	turnOver = time.Millisecond // until it comes back, behind those that wait already

	codeBan = "temporary_ban" // WhatsApp's, of an account that may not connect for a while
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
// may be more to do; 0 when nothing is due. A long queue takes turns with others.
func (q *Queue) drain(ctx context.Context, id supervisor.ID) (wait time.Duration, err error) {
	began := time.Now()
	for ctx.Err() == nil {
		send, err := q.store.QueueHead(ctx, id, time.Now())
		if fault.Is(err, fault.NotFound) {
			return 0, nil // what is not due has a job of its own
		}
		if err != nil {
			return 0, err
		}
		if wait, err := q.pausing(ctx, id); wait > 0 || err != nil {
			return wait, err
		}
		in, err := q.store.Instance(ctx, id)
		if err != nil {
			return 0, err
		}
		if wait, err = q.send(ctx, in, send); wait > 0 || err != nil {
			return wait, err
		}
		if time.Since(began) >= q.turn {
			return turnOver, nil
		}
	}
	return 0, ctx.Err()
}

// pausing returns how long the queue still pauses, and ends a pause that is over.
func (q *Queue) pausing(ctx context.Context, id supervisor.ID) (time.Duration, error) {
	pause, err := q.store.Pause(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if left := q.pauseLeft(id, pause.Until); left > 0 {
		return left, nil
	}
	return 0, q.resume(ctx, id, pause)
}

// resume ends a pause, and tells the feed.
func (q *Queue) resume(ctx context.Context, id supervisor.ID, pause store.Pause) error {
	ev, err := newEvent(id, "sends_resumed", fmt.Sprintf("sends_resumed:%d", pause.Until.UnixNano()), struct{}{})
	if err != nil {
		return err
	}
	defer q.wake(id)
	if err := q.store.EndPause(ctx, id, ev); err != nil {
		return err
	}
	q.mu.Lock()
	delete(q.pauses, id)
	q.mu.Unlock()
	return nil
}

// send tries the send once and writes down what became of it. It returns how long
// the queue has to wait before it goes on.
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
	report := q.try(ctx, in, send)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	send.Code, send.Reason = sends.Cause(report.Err)
	if report.Outcome == sends.Sent {
		send.State, send.Result = store.SendSent, sends.OrNull(report.Result)
		return 0, q.end(ctx, send)
	}
	var f *fault.Error
	if !errors.As(report.Err, &f) {
		f = &fault.Error{Kind: fault.Internal, Err: report.Err}
	}
	if f.Kind == fault.Internal {
		q.log.Error().Err(report.Err).Str("instance", string(in.ID)).Str("send", send.MessageID).Msg("a queued send failed")
	}
	// An earlier try that was interrupted may have sent it, whatever became of this one.
	maybeSent := send.State == store.SendRunning || report.Outcome == sends.Unknown
	wait, final := waitAfter(f, send.Attempts+1)
	if final {
		send.State = store.SendFailed
		if maybeSent && report.Outcome != sends.Refused {
			send.State = store.SendUnknown
		}
		return 0, q.end(ctx, send)
	}
	// What may have been sent cannot be cancelled any more.
	if send.State = store.SendQueued; maybeSent {
		send.State = store.SendRunning
	}
	if f.Kind == fault.RateLimited && healthpolicy.Holds(send.Code) {
		return 0, q.hold(ctx, send, time.Now().Add(wait))
	}
	if report.Asked && (f.Kind == fault.RateLimited || f.Code == codeBan) || send.Code == healthpolicy.ReasonQuiet {
		// The pause first, so that whoever sees the send wait sees until when.
		return wait, errors.Join(q.pause(ctx, in.ID, wait, send.Code), q.store.MarkSend(ctx, send, false))
	}
	return wait, q.store.MarkSend(ctx, send, false)
}

// hold lets the send wait while others pass it, and brings a job for when it goes on.
func (q *Queue) hold(ctx context.Context, send store.Send, until time.Time) error {
	until = until.UTC().Truncate(time.Microsecond) // as the store will have it
	if err := q.store.HoldSend(ctx, send, until); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	// Many are held until the same time, or nearly so. The sweep finds whom this misses.
	at := until.Truncate(time.Second).Add(time.Second)
	q.mu.Lock()
	planned := q.holds[send.Instance].Equal(at)
	q.holds[send.Instance] = at
	q.mu.Unlock()
	if planned {
		return nil
	}
	_, err := q.river.Insert(ctx, drain{Instance: send.Instance}, q.options(at))
	return err
}

// Look works on an instance's queue at once, because what it waited for may be over: the
// owner has changed the health policy, or WhatsApp has lifted a lock. A pause that WhatsApp
// asked for stays.
func (q *Queue) Look(ctx context.Context, id supervisor.ID) error {
	pause, err := q.store.Pause(ctx, id)
	switch {
	case err == nil && pause.Reason == healthpolicy.ReasonQuiet:
		if err := q.resume(ctx, id, pause); err != nil {
			return err
		}
	case err != nil && !fault.Is(err, fault.NotFound):
		return err
	}
	q.mu.Lock()
	delete(q.holds, id)
	if l := q.attendants[id]; l != nil && !l.busy {
		delete(q.attendants, id) // it would come back later
	}
	q.mu.Unlock()
	_, err = q.river.Insert(ctx, drain{Instance: id}, q.options(time.Time{}))
	return err
}

// try makes one try at the send. A queue outlives the build that filled it.
func (q *Queue) try(ctx context.Context, in store.Instance, send store.Send) sends.Report {
	if _, ok := catalog.Lookup(send.Method); !ok {
		return sends.Report{Outcome: sends.NotSent, Err: fault.New(fault.Unimplemented, "outbox.try", "this build does not know %s", send.Method)}
	}
	longer, leave := q.longer(send.Params)
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, tryTime+longer)
	defer cancel()
	return q.sender.Try(ctx, in, sends.Call{
		Method: send.Method, Params: send.Params, MessageID: send.MessageID, First: send.Attempts == 0, Queued: true, Key: send.Key,
	})
}

// longer says how much longer than tryTime a try may take, for a file that is fetched
// by URL or waits with the send. Half of the drainers stay for sends that end soon.
func (q *Queue) longer(params []byte) (longer time.Duration, leave func()) {
	if longer = sends.Longer(params); longer == 0 && bytes.Contains(params, []byte(`"upload"`)) {
		longer = sends.FileTime(store.MaxSendFiles)
	}
	if longer > 0 {
		select {
		case q.long <- struct{}{}:
			return longer, func() { <-q.long }
		default:
		}
	}
	return 0, func() {}
}

// waitAfter says how long to wait after a failed try, or that it was the last one.
func waitAfter(f *fault.Error, tries int) (wait time.Duration, final bool) {
	switch f.Kind {
	case fault.RateLimited:
		if f.RetryAfter == 0 {
			return pauseDefault, false
		}
		return max(f.RetryAfter, pauseAtLeast), false
	case fault.Stopped, fault.Unpaired:
		return stoppedWait, false
	case fault.Offline:
		if f.Code == codeBan && f.RetryAfter == 0 {
			return pauseDefault, false
		} else if f.Code == codeBan {
			return max(f.RetryAfter, pauseAtLeast), false // its end
		}
		// Most are back at once: the worker was replaced, or its connection was.
		return min(awayWait, pauseAtLeast<<min(tries-1, 10)), false
	case fault.Starting, fault.Unavailable, fault.Deadline:
		return max(f.RetryAfter, pauseAtLeast), false
	case fault.Internal:
		return awayWait, tries >= maxInternal
	}
	return 0, true
}

// pauseLeft is how much of a pause is left. A pause that began in this process is
// measured by the monotonic clock, which nobody sets.
func (q *Queue) pauseLeft(id supervisor.ID, until time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if r, ok := q.pauses[id]; ok && r.until.Equal(until) {
		return time.Until(r.over)
	}
	return time.Until(until)
}

func (q *Queue) pause(ctx context.Context, id supervisor.ID, wait time.Duration, reason string) error {
	over := time.Now().Add(wait)
	p := store.Pause{Until: over.UTC().Truncate(time.Microsecond), Reason: reason} // as the store will have it
	q.mu.Lock()
	q.pauses[id] = begun{until: p.Until, over: over}
	q.mu.Unlock()
	ev, err := newEvent(id, "sends_paused", fmt.Sprintf("sends_paused:%d", p.Until.UnixNano()), map[string]any{"until": p.Until, "reason": p.Reason})
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
	return newEvent(send.Instance, "send_update", "send_update:"+send.MessageID+":"+string(send.State), told)
}

// newEvent makes an event of the manager's own, as the feed holds events.
func newEvent(id supervisor.ID, kind, key string, data any) (store.Event, error) {
	encoded, err := json.Marshal(data)
	if err != nil {
		return store.Event{}, fmt.Errorf("write event: %w", err)
	}
	return store.Event{Instance: id, Key: key, Type: kind, Payload: event.Encode(encoded), At: time.Now().UTC()}, nil
}
