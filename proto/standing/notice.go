package standing

import "time"

// Kind says what a notice is about.
type Kind string

// The kinds of notices.
const (
	LockStated  Kind = "lock_stated"  // WhatsApp says that the number may open no new chats, or may again
	LockRefused Kind = "lock_refused" // WhatsApp refused a message because the number may open no new chats
	Overlimit   Kind = "overlimit"    // WhatsApp refused a request because there were too many
	Banned      Kind = "banned"       // WhatsApp refused a login because the number is banned for a time
	LoggedIn    Kind = "logged_in"    // WhatsApp let the number in, so no ban is in force
)

// Notice is one thing that WhatsApp said at a time.
type Notice struct {
	Kind   Kind
	Active bool      // of LockStated: the lock is in force
	Type   string    // of LockStated: what is enforced; of Banned: why; in WhatsApp's words
	Until  time.Time // zero: no end was named
	At     time.Time
}

// How long something counts for whose end WhatsApp named no time.
const (
	assumedLock  = time.Hour
	assumedLimit = time.Minute
	assumedBan   = time.Hour
)

// maxWords bounds what is kept of a text of WhatsApp's.
const maxWords = 100

// After returns what is known after the notice. News tells whether the state of the
// number changed, and not only a count. A word about the lock that is older than
// the last one changes nothing, and neither does the same word again.
func (d Document) After(n Notice) (next Document, news bool) {
	n.At = n.At.UTC().Truncate(time.Millisecond)
	if len(n.Type) > maxWords {
		n.Type = n.Type[:maxWords]
	}
	next, ended := d.At(n.At)
	switch n.Kind {
	case LockStated:
		news = next.Lock.stated(n)
	case LockRefused:
		news = next.Lock.refused(n)
	case Overlimit:
		news = next.Limit.met(n)
	case Banned:
		news = next.Ban.begun(n)
	case LoggedIn:
		news = next.Ban.Active
		next.Ban.Active, next.Ban.Until = false, nil
	}
	news = news || ended
	if news {
		next.ChangedAt = &n.At
	}
	next.Status = next.status()
	return next, news
}

func (l *Lock) stated(n Notice) (news bool) {
	if l.SaidAt != nil && n.At.Before(*l.SaidAt) {
		return false
	}
	l.SaidAt = &n.At
	if !n.Active || !n.Until.IsZero() && !n.Until.After(n.At) {
		news = l.Active
		l.Active, l.Until = false, nil
		return news
	}
	before := *l
	l.begin(n.At)
	l.Type, l.EndStated = n.Type, !n.Until.IsZero()
	l.Until = end(n, assumedLock)
	return !before.Active || !before.Until.Equal(*l.Until) || before.Type != l.Type
}

func (l *Lock) refused(n Notice) (news bool) {
	l.RefusedSends++
	if l.Active && l.EndStated {
		return false // what WhatsApp stated says more
	}
	news = !l.Active
	l.begin(n.At)
	l.EndStated = false
	l.Until = end(n, assumedLock)
	return news
}

func (l *Lock) begin(at time.Time) {
	if !l.Active {
		l.Active, l.Since, l.Type = true, &at, ""
	}
}

func (l *Limit) met(n Notice) (news bool) {
	news = !l.Active
	l.Active, l.Count, l.LastAt = true, l.Count+1, &n.At
	l.Until = end(n, assumedLimit)
	return news
}

func (b *Ban) begun(n Notice) (news bool) {
	until := end(n, assumedBan)
	// Each login during a ban is refused with the time that is left, in whole seconds.
	news = !b.Active || b.Reason != n.Type || b.Until.Sub(*until).Abs() > time.Minute
	if !b.Active {
		b.Since, b.Count = &n.At, b.Count+1
	}
	b.Active, b.Reason, b.EndStated, b.Until = true, n.Type, !n.Until.IsZero(), until
	return news
}

func end(n Notice, assumed time.Duration) *time.Time {
	until := n.Until.UTC()
	if n.Until.IsZero() {
		until = n.At.Add(assumed)
	}
	return &until
}
