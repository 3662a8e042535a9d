package healthpolicy

import (
	"time"

	"whatsapp-manager/proto/standing"
)

// Why something is held back. The codes stand in answers, and never change.
const (
	ReasonLock   = "reachout_time_lock" // WhatsApp lets the number open no new chats
	ReasonWarmUp = "warm_up"            // a new number has written to enough new people today
	ReasonQuiet  = "quiet_hours"
	ReasonPace   = "pace" // the pause between two messages is not over
)

// Holds tells whether a code holds single messages back, while others go on.
func Holds(code string) bool { return code == ReasonLock || code == ReasonWarmUp }

// warned is how long a complaint of WhatsApp's counts.
const warned = 24 * time.Hour

// Age is what is known of how long a number has been on WhatsApp.
type Age string

// The ages.
const (
	AgeUnknown Age = "unknown" // neither the owner nor the phone's history tells
	AgeNew     Age = "new"
	AgeOld     Age = "old"
)

// Facts are what is known of a number.
type Facts struct {
	Standing standing.Document
	// Oldest is the time of the oldest message that the phone's history has; zero: it
	// handed over none, or what is known is older than any plan. The owner's word in the
	// policy goes before it.
	Oldest time.Time
	Old    bool // something is known that is older than any plan
}

// Decision is what may be sent now.
type Decision struct {
	// Quiet is the end of the quiet hours; zero outside of them. Nothing may be sent.
	Quiet time.Time
	// Contacts bounds what may be sent to people who have never written; nil: nothing does.
	Contacts *Contacts
	// Paced is the pause between two messages; nil: none is needed.
	Paced *Pace
	// Age of the number, and the day of its warm-up from 1; 0 when it is not warmed up.
	Age     Age
	WarmDay int
}

// Contacts is how many people who have never written may be written to.
type Contacts struct {
	Reason string
	Until  time.Time
	Since  time.Time // when the count of Most began
	Most   int
}

// Decide returns what the policy makes of the facts at a time. It does not ask for the
// mode: a policy that only watches decides what a kept one would.
func (p Policy) Decide(f Facts, now time.Time) Decision {
	var d Decision
	now = now.In(p.Zone())
	d.Quiet = p.quietUntil(now)
	d.Age, d.WarmDay = p.age(f, now)
	known, _ := f.Standing.At(now)
	switch {
	case known.Lock.Active && known.Lock.Until != nil:
		d.Contacts = &Contacts{Reason: ReasonLock, Until: *known.Lock.Until}
	case d.WarmDay > 0:
		today := midnight(now, 0)
		d.Contacts = &Contacts{Reason: ReasonWarmUp, Until: midnight(now, 1), Since: today, Most: p.WarmUp.Plan[d.WarmDay-1]}
	}
	if last := known.LastWarning(); p.Pace.When == PaceAlways || p.Pace.When == PaceWarned && last != nil && now.Before(last.Add(warned)) {
		d.Paced = p.Pace
	}
	return d
}

// age tells how old the number is, and the day of its warm-up.
func (p Policy) age(f Facts, now time.Time) (Age, int) {
	since := f.Oldest
	if said, err := time.ParseInLocation(time.DateOnly, p.WarmUp.NumberSince, now.Location()); err == nil {
		since = said
	} else if f.Old {
		return AgeOld, 0
	}
	if since.IsZero() {
		return AgeUnknown, 0
	}
	day := daysBetween(since.In(now.Location()), now) + 1
	if day > len(p.WarmUp.Plan) || day < 1 {
		return AgeOld, 0
	}
	return AgeNew, day
}

// Longest is how many days the plan has.
func (p Policy) Longest() int { return len(p.WarmUp.Plan) }

// quietUntil returns the end of the quiet hours that are at a time; zero for none.
func (p Policy) quietUntil(now time.Time) time.Time {
	if p.QuietHours == nil {
		return time.Time{}
	}
	from, err := time.Parse(timeLayout, p.QuietHours.From)
	if err != nil {
		return time.Time{}
	}
	to, err := time.Parse(timeLayout, p.QuietHours.To)
	if err != nil {
		return time.Time{}
	}
	at := func(day int, clock time.Time) time.Time {
		y, m, d := now.Date()
		return time.Date(y, m, d+day, clock.Hour(), clock.Minute(), 0, 0, now.Location())
	}
	for _, day := range []int{-1, 0} { // those that began yesterday may go on
		begin, end := at(day, from), at(day, to)
		if !from.Before(to) {
			end = at(day+1, to)
		}
		if !now.Before(begin) && now.Before(end) {
			return end
		}
	}
	return time.Time{}
}

// midnight is the beginning of a day, counted from the one of a time.
func midnight(t time.Time, day int) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d+day, 0, 0, 0, 0, t.Location())
}

// daysBetween counts the midnights between two times of one zone.
func daysBetween(a, b time.Time) int {
	day := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	return int(day(b).Sub(day(a)).Hours() / 24)
}
