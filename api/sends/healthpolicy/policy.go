package healthpolicy

import (
	"encoding/json"
	"fmt"
	"time"
	_ "time/tzdata" // a host may have none

	"whatsapp-manager/proto/fault"
)

// Mode says how much a policy does.
type Mode string

// The modes.
const (
	Off     Mode = "off"     // nothing is held back
	Watch   Mode = "watch"   // nothing is held back; the health tells what would be
	Protect Mode = "protect" // the policy is kept
)

// When a number is paced.
const (
	PaceAlways = "always"
	PaceWarned = "warned" // for a day after WhatsApp complained
	PaceNever  = "never"
)

// The bounds of a policy.
const (
	maxPlan    = 366
	maxADay    = 10_000
	maxPace    = 3600
	timeLayout = "15:04"
)

// Policy is what the owner of an instance lets its number send. Fields that are left out
// have their defaults.
type Policy struct {
	Mode       Mode        `json:"mode" enum:"off,watch,protect" doc:"off: nothing is held back. watch: neither, but the health tells what would be. protect: messages wait, or are answered with 429"`
	TimeZone   string      `json:"timeZone,omitempty" maxLength:"64" doc:"IANA name, for days and quiet hours; default UTC" example:"Europe/Berlin"`
	WarmUp     WarmUp      `json:"warmUp" required:"false"`
	QuietHours *QuietHours `json:"quietHours,omitempty" doc:"Nothing is sent in them; none when left out"`
	Pace       *Pace       `json:"pace,omitempty"`

	zone *time.Location // that of TimeZone; nil: not looked up yet
}

// WarmUp lets a new number write to more new people from day to day.
type WarmUp struct {
	NumberSince string `json:"numberSince,omitempty" format:"date" doc:"The first day of the number on WhatsApp. When left out it is taken from the history that the phone hands over, and a number without any is not warmed up" example:"2026-11-30"`
	Plan        []int  `json:"plan,omitempty" maxItems:"366" doc:"How many people who never wrote may be written to on the first day, the second, and so on; behind its end there is no limit. An empty list: no warm-up. When left out, 21 days from 20 to 400"`
}

// QuietHours are the same every day. They may go over midnight.
type QuietHours struct {
	From string `json:"from" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" example:"22:00"`
	To   string `json:"to" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" example:"07:00"`
}

// Pace puts a random pause between two messages.
type Pace struct {
	When       string `json:"when" enum:"always,warned,never" doc:"warned: for a day after WhatsApp complained about the number"`
	MinSeconds int    `json:"minSeconds" required:"false" minimum:"0" maximum:"3600" doc:"When both are left out: 3 to 12"`
	MaxSeconds int    `json:"maxSeconds" required:"false" minimum:"0" maximum:"3600"`
}

// defaultPlan grows by about a sixth a day, over three weeks.
var defaultPlan = []int{20, 23, 27, 31, 36, 42, 49, 57, 66, 77, 90, 105, 122, 142, 165, 191, 222, 258, 300, 349, 400}

// Default is the policy of a mode whose owner says nothing else.
func Default(mode Mode) Policy { return Policy{Mode: mode}.withDefaults() }

func (p Policy) withDefaults() Policy {
	if p.TimeZone == "" {
		p.TimeZone = "UTC"
	}
	if p.WarmUp.Plan == nil {
		p.WarmUp.Plan = defaultPlan
	}
	pace := Pace{When: PaceWarned}
	if p.Pace != nil {
		pace = *p.Pace
	}
	if pace.MinSeconds == 0 && pace.MaxSeconds == 0 {
		pace.MinSeconds, pace.MaxSeconds = 3, 12
	}
	p.Pace = &pace
	return p
}

// Read reads a policy as Check has let it through. One that cannot be read, which only
// another build can have written, only watches.
func Read(raw json.RawMessage) Policy {
	var p Policy
	if json.Unmarshal(raw, &p) != nil {
		return Default(Watch)
	}
	p = p.withDefaults()
	p.zone = p.Zone()
	return p
}

// Check returns the policy with its defaults, or a fault.Invalid that names what is
// wrong with it.
func Check(p Policy, now time.Time) (Policy, error) {
	const op = "healthpolicy.Check"
	p = p.withDefaults()
	bad := func(field, format string, args ...any) (Policy, error) {
		return Policy{}, fault.Bad(op, field, "%s: %s", field, fmt.Sprintf(format, args...))
	}
	switch p.Mode {
	case Off, Watch, Protect:
	default:
		return bad("mode", "is off, watch or protect")
	}
	zone, err := time.LoadLocation(p.TimeZone)
	if err != nil || p.TimeZone == "Local" {
		return bad("timeZone", "is no IANA time zone; write Europe/Berlin, for example")
	}
	if p.WarmUp.NumberSince != "" {
		since, err := time.ParseInLocation(time.DateOnly, p.WarmUp.NumberSince, zone)
		if err != nil {
			return bad("warmUp.numberSince", "is no day; write 2026-11-30, for example")
		}
		if since.After(now) {
			return bad("warmUp.numberSince", "is in the future")
		}
	}
	if len(p.WarmUp.Plan) > maxPlan {
		return bad("warmUp.plan", "has more than %d days", maxPlan)
	}
	for i, most := range p.WarmUp.Plan {
		if most < 0 || most > maxADay {
			return bad(fmt.Sprintf("warmUp.plan[%d]", i), "is from 0 to %d", maxADay)
		}
	}
	if q := p.QuietHours; q != nil {
		if _, err := time.Parse(timeLayout, q.From); err != nil {
			return bad("quietHours.from", "is a time of day; write 22:00, for example")
		}
		if _, err := time.Parse(timeLayout, q.To); err != nil {
			return bad("quietHours.to", "is a time of day; write 07:00, for example")
		}
		if q.From == q.To {
			return bad("quietHours.to", "must not be the same as from; to send nothing at all, stop the instance")
		}
	}
	switch p.Pace.When {
	case PaceAlways, PaceWarned, PaceNever:
	default:
		return bad("pace.when", "is always, warned or never")
	}
	if p.Pace.MinSeconds < 0 || p.Pace.MinSeconds > maxPace {
		return bad("pace.minSeconds", "is from 0 to %d", maxPace)
	}
	if p.Pace.MaxSeconds < p.Pace.MinSeconds || p.Pace.MaxSeconds > maxPace {
		return bad("pace.maxSeconds", "is from minSeconds to %d", maxPace)
	}
	return p, nil
}

// Zone is the policy's time zone, UTC when this machine does not know it.
func (p Policy) Zone() *time.Location {
	if p.zone != nil {
		return p.zone
	}
	if zone, err := time.LoadLocation(p.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}
