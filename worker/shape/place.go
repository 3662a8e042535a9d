package shape

import (
	"math"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/message"
)

// degrees returns the coordinate, or zero for a value that JSON cannot express.
func degrees(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

func newLocation(l *waE2E.LocationMessage) *Location {
	loc := &Location{
		Latitude:  degrees(l.GetDegreesLatitude()),
		Longitude: degrees(l.GetDegreesLongitude()),
		Name:      Clean(l.GetName()),
		Address:   Clean(l.GetAddress()),
		URL:       Clean(l.GetURL()),
	}
	loc.Description = message.Lines(loc.Name, loc.Address)
	return loc
}

func (m *Message) place(loc *Location) {
	m.Location = loc
	m.Data.Lat, m.Data.Lng = &loc.Latitude, &loc.Longitude
	m.Data.Loc, m.Data.ClientURL = loc.Description, loc.URL
}

func (m *Message) event(e *waE2E.EventMessage) {
	d := &m.Data
	d.EventName, d.EventDescription = Clean(e.GetName()), Clean(e.GetDescription())
	d.EventStartTime, d.EventEndTime = e.GetStartTime(), e.GetEndTime()
	d.EventJoinLink, d.IsEventCanceled = Clean(e.GetJoinLink()), e.GetIsCanceled()
	if e.Location != nil {
		d.EventLocation = newLocation(e.Location)
	}
}

func (m *Message) poll(poll *waE2E.PollCreationMessage, sealing []byte) {
	name := Clean(poll.GetName())
	multiple, no := poll.GetSelectableOptionsCount() == 0, false
	m.PollName, m.AllowMultipleAnswers = &name, &multiple
	m.PollInvalidated, m.IsSentCagPollCreation = &no, &no
	for i, option := range poll.GetOptions() {
		m.PollOptions = append(m.PollOptions, PollOption{Name: Clean(option.GetOptionName()), LocalID: i})
	}
	choices := poll.GetSelectableOptionsCount()
	m.Data.PollCreation = PollCreation{PollName: name, PollOptions: m.PollOptions, PollSelectableOptionsCount: &choices}
	secret := make([]int, 0, len(sealing))
	for _, b := range sealing {
		secret = append(secret, int(b))
	}
	m.MessageSecret = &secret
}
