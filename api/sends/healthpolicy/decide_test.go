package healthpolicy_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"whatsapp-manager/api/sends/healthpolicy"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/standing"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestQuietHoursAreThoseOfTheZone(t *testing.T) {
	for _, tc := range []struct{ name, zone, from, to, now, until string }{
		{"before", "UTC", "22:00", "07:00", "2026-11-30T21:59:59Z", ""},
		{"at the beginning", "UTC", "22:00", "07:00", "2026-11-30T22:00:00Z", "2026-12-01T07:00:00Z"},
		{"behind midnight", "UTC", "22:00", "07:00", "2026-12-01T06:59:59Z", "2026-12-01T07:00:00Z"},
		{"at the end", "UTC", "22:00", "07:00", "2026-12-01T07:00:00Z", ""},
		{"within a day", "UTC", "12:00", "13:30", "2026-11-30T13:00:00Z", "2026-11-30T13:30:00Z"},
		{"in Berlin it is an hour later", "Europe/Berlin", "22:00", "07:00", "2026-11-30T21:30:00Z", "2026-12-01T06:00:00Z"},
		{"in Berlin's summer two", "Europe/Berlin", "22:00", "07:00", "2026-07-01T20:30:00Z", "2026-07-02T05:00:00Z"},
		{"over the change to winter", "Europe/Berlin", "22:00", "07:00", "2026-10-24T20:30:00Z", "2026-10-25T06:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := healthpolicy.Default(healthpolicy.Protect)
			p.TimeZone, p.QuietHours = tc.zone, &healthpolicy.QuietHours{From: tc.from, To: tc.to}
			got := p.Decide(healthpolicy.Facts{}, at(tc.now)).Quiet
			if tc.until == "" && !got.IsZero() || tc.until != "" && !got.Equal(at(tc.until)) {
				t.Errorf("quiet until %s", got)
			}
		})
	}
}

func TestWhomANumberMayWriteTo(t *testing.T) {
	now := at("2026-11-30T12:00:00Z")
	locked, _ := standing.Document{}.After(standing.Notice{
		Kind: standing.LockStated, Active: true, At: at("2026-11-30T11:00:00Z"), Until: at("2026-11-30T18:00:00Z"),
	})
	for _, tc := range []struct {
		name   string
		policy string
		facts  healthpolicy.Facts
		reason string
		most   int
		until  string
		age    healthpolicy.Age
	}{
		{"nothing is known", `{}`, healthpolicy.Facts{}, "", 0, "", "unknown"},
		{"an old number", `{}`, healthpolicy.Facts{Old: true, Oldest: at("2026-11-29T00:00:00Z")}, "", 0, "", "old"},
		{"its first day", `{}`, healthpolicy.Facts{Oldest: at("2026-11-30T08:00:00Z")}, "warm_up", 20, "2026-12-01T00:00:00Z", "new"},
		{"its second day", `{}`, healthpolicy.Facts{Oldest: at("2026-11-29T23:59:00Z")}, "warm_up", 23, "2026-12-01T00:00:00Z", "new"},
		{"its last day", `{}`, healthpolicy.Facts{Oldest: at("2026-11-10T08:00:00Z")}, "warm_up", 400, "2026-12-01T00:00:00Z", "new"},
		{"the day after", `{}`, healthpolicy.Facts{Oldest: at("2026-11-09T08:00:00Z")}, "", 0, "", "old"},
		{"the owner says when it began", `{"warmUp":{"numberSince":"2026-11-28","plan":[1,2,3]}}`, healthpolicy.Facts{Old: true}, "warm_up", 3, "2026-12-01T00:00:00Z", "new"},
		{"the owner says that it is old", `{"warmUp":{"numberSince":"2020-01-01"}}`, healthpolicy.Facts{Oldest: at("2026-11-30T08:00:00Z")}, "", 0, "", "old"},
		{"no warm-up", `{"warmUp":{"plan":[]}}`, healthpolicy.Facts{Oldest: at("2026-11-30T08:00:00Z")}, "", 0, "", "old"},
		{"the day is that of the zone", `{"timeZone":"Asia/Tokyo","warmUp":{"numberSince":"2026-11-30","plan":[5]}}`, healthpolicy.Facts{}, "warm_up", 5, "2026-11-30T15:00:00Z", "new"},
		{"locked", `{}`, healthpolicy.Facts{Standing: locked}, "reachout_time_lock", 0, "2026-11-30T18:00:00Z", "unknown"},
		{"locked and new", `{}`, healthpolicy.Facts{Standing: locked, Oldest: at("2026-11-30T08:00:00Z")}, "reachout_time_lock", 0, "2026-11-30T18:00:00Z", "new"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := healthpolicy.Read(json.RawMessage(tc.policy)).Decide(tc.facts, now)
			if d.Age != tc.age {
				t.Errorf("age %s", d.Age)
			}
			switch {
			case d.Contacts == nil && tc.reason != "":
				t.Error("nothing is held back")
			case d.Contacts != nil && (d.Contacts.Reason != tc.reason || d.Contacts.Most != tc.most || !d.Contacts.Until.Equal(at(tc.until))):
				t.Errorf("got %+v", *d.Contacts)
			}
		})
	}
	after := healthpolicy.Default(healthpolicy.Protect).Decide(healthpolicy.Facts{Standing: locked}, at("2026-11-30T18:00:00Z"))
	if after.Contacts != nil || after.Paced == nil {
		t.Errorf("when the lock is over: %+v", after)
	}
	if next := healthpolicy.Default(healthpolicy.Protect).Decide(healthpolicy.Facts{Standing: locked}, at("2026-12-01T12:00:00Z")); next.Paced != nil {
		t.Error("still paced a day after the complaint")
	}
}

func TestWrongPoliciesAreNamed(t *testing.T) {
	for field, body := range map[string]string{
		"mode":               `{"mode":"careful"}`,
		"timeZone":           `{"mode":"protect","timeZone":"Mars/Olympus"}`,
		"warmUp.numberSince": `{"mode":"protect","warmUp":{"numberSince":"2026-12-24"}}`,
		"warmUp.plan[1]":     `{"mode":"protect","warmUp":{"plan":[1,-1]}}`,
		"quietHours.from":    `{"mode":"protect","quietHours":{"from":"25:00","to":"07:00"}}`,
		"quietHours.to":      `{"mode":"protect","quietHours":{"from":"07:00","to":"07:00"}}`,
		"pace.when":          `{"mode":"protect","pace":{"when":"sometimes"}}`,
		"pace.maxSeconds":    `{"mode":"protect","pace":{"when":"always","minSeconds":5,"maxSeconds":4}}`,
	} {
		t.Run(field, func(t *testing.T) {
			var p healthpolicy.Policy
			if err := json.Unmarshal([]byte(body), &p); err != nil {
				t.Fatal(err)
			}
			_, err := healthpolicy.Check(p, at("2026-11-30T12:00:00Z"))
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.Invalid || f.Field != field {
				t.Errorf("got %v", err)
			}
		})
	}
	if p, err := healthpolicy.Check(healthpolicy.Policy{Mode: healthpolicy.Protect}, time.Now()); err != nil || p.Longest() != 21 || p.TimeZone != "UTC" {
		t.Errorf("the default: %+v, %v", p, err)
	}
}
