package standing

import "time"

// Status is the standing of a number in one word, the gravest first.
type Status string

// The words for a standing.
const (
	StatusBanned     Status = "banned"     // WhatsApp lets the number log in again later
	StatusRestricted Status = "restricted" // the number may open no new chats
	StatusLimited    Status = "limited"    // WhatsApp asked for less within the last minute
	StatusGood       Status = "good"       // WhatsApp says nothing against it
)

// Document is what is known of a number's standing. The zero value is that of a
// number of which nothing was said.
type Document struct {
	Status    Status     `json:"status" enum:"good,limited,restricted,banned"`
	Lock      Lock       `json:"reachoutTimeLock" doc:"WhatsApp lets the number open no new chats for a while; chats with people who wrote go on"`
	Limit     Limit      `json:"rateOverlimit" doc:"WhatsApp refused a message or a question with 429: there were too many"`
	Ban       Ban        `json:"temporaryBan" doc:"WhatsApp refuses the login for a while"`
	ChangedAt *time.Time `json:"changedAt,omitempty"`
}

// Lock is the reach-out time lock.
type Lock struct {
	Active       bool       `json:"active"`
	Type         string     `json:"type,omitempty" doc:"What is enforced, in WhatsApp's words; empty when only a refused message told of the lock"`
	Since        *time.Time `json:"since,omitempty"`
	Until        *time.Time `json:"until,omitempty"`
	EndStated    bool       `json:"endStated" doc:"WhatsApp named the end. Otherwise it is taken for an hour after the last refused message"`
	SaidAt       *time.Time `json:"saidAt,omitempty" doc:"When WhatsApp last told of the lock or of its end"`
	RefusedSends int64      `json:"refusedSends" doc:"Messages that WhatsApp refused because of the lock (463), since the instance was made"`
}

// Limit is WhatsApp's demand to ask for less.
type Limit struct {
	Active bool       `json:"active" doc:"The last refusal is less than a minute old"`
	Count  int64      `json:"count" doc:"Refusals since the instance was made"`
	LastAt *time.Time `json:"lastAt,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
}

// Ban is a ban for a time.
type Ban struct {
	Active    bool       `json:"active"`
	Reason    string     `json:"reason,omitempty" doc:"In WhatsApp's words"`
	Since     *time.Time `json:"since,omitempty"`
	Until     *time.Time `json:"until,omitempty"`
	EndStated bool       `json:"endStated" doc:"WhatsApp named the end. Otherwise it is taken for an hour after the last refused login"`
	Count     int64      `json:"count" doc:"Bans since the instance was made"`
}

// At returns the document as it is at a time: what has run out by then is over. Ended
// tells whether something was.
func (d Document) At(now time.Time) (at Document, ended bool) {
	over := func(active *bool, until **time.Time) {
		if *active && *until != nil && !now.Before(**until) {
			*active, *until, ended = false, nil, true
		}
	}
	over(&d.Lock.Active, &d.Lock.Until)
	over(&d.Limit.Active, &d.Limit.Until)
	over(&d.Ban.Active, &d.Ban.Until)
	if d.Status = d.status(); ended {
		now = now.UTC().Truncate(time.Millisecond)
		d.ChangedAt = &now
	}
	return d, ended
}

// NextEnd returns when the first of what is in force runs out; nil when nothing is.
func (d Document) NextEnd() *time.Time {
	var first *time.Time
	for _, until := range []*time.Time{d.Lock.Until, d.Limit.Until, d.Ban.Until} {
		if until != nil && (first == nil || until.Before(*first)) {
			first = until
		}
	}
	return first
}

// LastWarning returns when WhatsApp last complained: about a new chat, too many
// messages, or by a ban. Nil when it never did.
func (d Document) LastWarning() *time.Time {
	var last *time.Time
	for _, at := range []*time.Time{d.Lock.Since, d.Limit.LastAt, d.Ban.Since} {
		if at != nil && (last == nil || at.After(*last)) {
			last = at
		}
	}
	return last
}

func (d Document) status() Status {
	switch {
	case d.Ban.Active:
		return StatusBanned
	case d.Lock.Active:
		return StatusRestricted
	case d.Limit.Active:
		return StatusLimited
	}
	return StatusGood
}

// News is the argument of the event number_health.
type News struct {
	Change Kind `json:"change" enum:"lock_stated,lock_refused,overlimit,banned,logged_in,ended"`
	Document
}

// Ended is the change when something has run out.
const Ended Kind = "ended"
