package shape

import (
	"math"

	"go.mau.fi/whatsmeow/proto/waE2E"
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
	loc.Description = lines(loc.Name, loc.Address)
	return loc
}

func describeLocation(l *waE2E.LocationMessage) content {
	return content{
		kind: "location", context: l.GetContextInfo(),
		fill: func(m *Message) { placeAt(m, newLocation(l)) },
	}
}

func describeLiveLocation(l *waE2E.LiveLocationMessage) content {
	return content{
		kind: "location", body: l.GetCaption(), context: l.GetContextInfo(),
		fill: func(m *Message) {
			placeAt(m, &Location{
				Latitude:  degrees(l.GetDegreesLatitude()),
				Longitude: degrees(l.GetDegreesLongitude()),
			})
		},
	}
}

func placeAt(m *Message, loc *Location) {
	m.Location = loc
	m.Data.Lat, m.Data.Lng = &loc.Latitude, &loc.Longitude
	m.Data.Loc, m.Data.ClientURL = loc.Description, loc.URL
}

func describeEvent(e *waE2E.EventMessage) content {
	return content{
		kind: "event_creation", body: e.GetName(), context: e.GetContextInfo(),
		fill: func(m *Message) {
			d := &m.Data
			d.EventName, d.EventDescription = Clean(e.GetName()), Clean(e.GetDescription())
			d.EventStartTime, d.EventEndTime = e.GetStartTime(), e.GetEndTime()
			d.EventJoinLink, d.IsEventCanceled = Clean(e.GetJoinLink()), e.GetIsCanceled()
			if e.Location != nil {
				d.EventLocation = newLocation(e.Location)
			}
		},
	}
}

// describePoll covers the versions of polls that have no wrapper.
func describePoll(m *waE2E.Message) (content, bool) {
	for _, poll := range []*waE2E.PollCreationMessage{
		m.PollCreationMessage, m.PollCreationMessageV2, m.PollCreationMessageV3,
		m.PollCreationMessageV5, m.PollCreationMessageV6,
	} {
		if poll == nil {
			continue
		}
		return content{
			kind: TypePoll, body: poll.GetName(), context: poll.GetContextInfo(),
			fill: func(m *Message) {
				name := Clean(poll.GetName())
				multiple, no := poll.GetSelectableOptionsCount() == 0, false
				m.PollName, m.AllowMultipleAnswers = &name, &multiple
				m.PollInvalidated, m.IsSentCagPollCreation = &no, &no
				for i, option := range poll.GetOptions() {
					m.PollOptions = append(m.PollOptions, PollOption{Name: Clean(option.GetOptionName()), LocalID: i})
				}
			},
		}, true
	}
	return content{}, false
}
