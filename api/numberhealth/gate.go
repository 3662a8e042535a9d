package numberhealth

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/types/known/timestamppb"

	"whatsapp-manager/api/sends"
	"whatsapp-manager/api/sends/healthpolicy"
	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// How old the facts of a decision may be. A worker writes a refusal down before it
// answers, and the gate is told to look then; so this is about words of WhatsApp's that
// no send met.
const (
	standingKept = time.Second
	ageKept      = 30 * time.Second
	// readTime bounds how long sends of an instance wait for its facts.
	readTime = 500 * time.Millisecond
	// longestWait is how long a send waits for its turn in the pace before it is refused.
	longestWait = 15 * time.Second
	// paceSlack is how much too early a queued send may come to its turn. Clocks differ by
	// so much, and one that came back a moment early need not come a third time.
	paceSlack = 50 * time.Millisecond
)

// Gate lets sends go as the policy of their instance allows. It is a sends.Gate.
type Gate struct {
	store factStore
	log   zerolog.Logger

	mu      sync.Mutex
	numbers map[supervisor.ID]*number // guarded by mu
}

// number is what the gate remembers of one instance.
type number struct {
	mu       sync.Mutex // held while it is read anew
	raw      []byte     // the policy as it was read; guarded by mu, as all below
	policy   healthpolicy.Policy
	facts    healthpolicy.Facts
	known    bool      // facts were read
	readAt   time.Time // facts.Standing
	ageAt    time.Time // the rest of facts
	nextSend time.Time // when the pause of the pace is over
}

// NewGate returns a gate. It starts nothing.
func NewGate(st factStore, log zerolog.Logger) *Gate {
	return &Gate{store: st, log: log, numbers: map[supervisor.ID]*number{}}
}

func (g *Gate) number(id supervisor.ID) *number {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.numbers[id]
	if n == nil {
		n = &number{}
		g.numbers[id] = n
	}
	return n
}

// Admit implements sends.Gate. Of a number about which nothing can be read it lets
// everything go. A pause of the pace that is short is waited for here, unless the send
// comes from the queue: there it would keep the queues of others from sending.
func (g *Gate) Admit(ctx context.Context, in store.Instance, queued bool) (sends.Pass, error) {
	n, longest := g.number(in.ID), longestWait
	if queued {
		longest = paceSlack
	}
	pass, wait, err := g.decide(ctx, in, n, longest)
	if queued {
		return pass, err
	}
	if err != nil || wait <= 0 {
		return pass, err
	}
	if err := backoff.Sleep(ctx, wait); err != nil {
		pass.GiveBack()
		return sends.Pass{}, fault.Unsent(fault.Wrap(fault.Deadline, "numberhealth.Admit", err, "no answer in time"))
	}
	return pass, nil
}

// decide returns what the number may send, after how long a pause. A longer one than the
// longest is refused.
func (g *Gate) decide(ctx context.Context, in store.Instance, n *number, longest time.Duration) (
	pass sends.Pass, wait time.Duration, err error,
) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.raw == nil || !bytes.Equal(n.raw, in.HealthPolicy) {
		n.raw, n.policy = bytes.Clone(in.HealthPolicy), healthpolicy.Read(in.HealthPolicy)
		n.ageAt, n.known, n.nextSend = time.Time{}, false, time.Time{}
	}
	if n.policy.Mode != healthpolicy.Protect {
		return pass, 0, nil
	}
	now := time.Now()
	g.refresh(ctx, in.ID, n, now)
	d := n.policy.Decide(n.facts, now)
	if !d.Quiet.IsZero() {
		return pass, 0, refuse(healthpolicy.ReasonQuiet, d.Quiet.Sub(now), fmt.Sprintf(
			"the number sends nothing in its quiet hours, which end at %s", d.Quiet.Format(time.RFC3339)))
	}
	if d.Paced != nil {
		turn := n.nextSend
		if turn.Before(now) {
			turn = now
		}
		if wait = turn.Sub(now); wait > longest {
			return pass, 0, refuse(healthpolicy.ReasonPace, wait, "between two messages of this number there is a pause, because its health policy says so")
		}
		next := turn.Add(pause(*d.Paced))
		n.nextSend = next
		pass.GiveBack = func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.nextSend.Equal(next) { // otherwise somebody waits for a turn behind this one
				n.nextSend = turn
			}
		}
	}
	if c := d.Contacts; c != nil {
		pass.FirstContacts = &workerv1.FirstContacts{
			Reason: c.Reason, Until: timestamppb.New(c.Until), Since: timestamppb.New(c.Since), Most: uint32(c.Most),
		}
	}
	return pass, wait, nil
}

// refresh reads facts that are too old. When they cannot be read, the old ones stand.
func (g *Gate) refresh(ctx context.Context, id supervisor.ID, n *number, now time.Time) {
	if n.known && now.Sub(n.readAt) < standingKept {
		return
	}
	read := readStanding
	if now.Sub(n.ageAt) >= ageKept {
		read = readFacts
	}
	reading, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	facts, err := read(reading, g.store, id, n.policy, now)
	n.readAt = now
	if err != nil {
		g.log.Debug().Err(err).Str("instance", string(id)).Msg("the health of a number could not be read")
		return
	}
	if now.Sub(n.ageAt) >= ageKept {
		n.ageAt = now
	} else {
		facts.Oldest, facts.Old = n.facts.Oldest, n.facts.Old
	}
	n.facts, n.known = facts, true
}

// pause is a random length within the bounds of a pace.
func pause(p healthpolicy.Pace) time.Duration {
	least, most := time.Duration(p.MinSeconds)*time.Second, time.Duration(p.MaxSeconds)*time.Second
	if most <= least {
		return least
	}
	return least + rand.N(most-least)
}

func refuse(code string, wait time.Duration, msg string) error {
	return &fault.Error{
		Kind: fault.RateLimited, Op: "numberhealth.Admit", Code: code, Msg: msg,
		RetryAfter: max(wait, time.Millisecond), Sent: fault.SentNothing,
	}
}

// Heed implements sends.Gate.
func (g *Gate) Heed(id supervisor.ID) {
	n := g.number(id)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known = false
}

// Forget implements sends.Gate.
func (g *Gate) Forget(id supervisor.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.numbers, id)
}
