package numberhealth

import (
	"context"
	"time"

	"whatsapp-manager/api/sends/healthpolicy"
	"whatsapp-manager/proto/standing"
	"whatsapp-manager/supervisor/store"
)

const (
	shownDays = 7
	// overdue is after how long a message without a receipt counts as undelivered.
	overdue = 24 * time.Hour
)

// View is what the API tells of a number's health.
type View struct {
	Standing      standing.Document   `json:"standing" doc:"What WhatsApp has said of the number; also the data of the event number_health"`
	Policy        healthpolicy.Policy `json:"policy"`
	FirstContacts FirstContacts       `json:"firstContacts"`
	QuietUntil    *time.Time          `json:"quietUntil,omitempty" doc:"End of the quiet hours that are now"`
	Paced         bool                `json:"paced" doc:"Between two messages there is a random pause"`
	Week          Week                `json:"week"`
	Days          []Day               `json:"days" doc:"Today first"`
	NotVisible    []string            `json:"notVisible" doc:"What WhatsApp tells no linked device, so that nobody looks for it here"`
}

// FirstContacts is what may be written to people who have never written.
type FirstContacts struct {
	Age         healthpolicy.Age `json:"numberAge" enum:"unknown,new,old" doc:"unknown: neither the owner (warmUp.numberSince) nor the phone's history tells"`
	WarmUpDay   int              `json:"warmUpDay,omitempty" doc:"Day of the warm-up, from 1"`
	Limited     bool             `json:"limited"`
	Enforced    bool             `json:"enforced" doc:"The policy protects. Otherwise this is what it would do"`
	Reason      string           `json:"reason,omitempty" enum:"reachout_time_lock,warm_up"`
	Until       *time.Time       `json:"until,omitempty"`
	LimitToday  *int             `json:"limitToday,omitempty" doc:"People who may be written to before they have written; 0 during a lock"`
	PeopleToday int              `json:"peopleToday" doc:"People who were, today, or who were put into a group"`
}

// Week counts the last seven days, today among them.
type Week struct {
	Sends          int           `json:"sends" doc:"Messages to people; those to groups and channels are not counted. Those that the phone and other devices sent are"`
	ToStrangers    int           `json:"toStrangers" doc:"Those to people who had never written by then"`
	StrangerShare  *float64      `json:"strangerShare,omitempty" doc:"toStrangers / sends"`
	Recipients     int           `json:"recipients" doc:"People who got a message"`
	Answered       int           `json:"answered" doc:"Those of them who wrote after the first message to them in these days"`
	ReplyRatio     *float64      `json:"replyRatio,omitempty" doc:"answered / recipients"`
	NewChats       int           `json:"newChats" doc:"Chats that the number began"`
	Undelivered    int           `json:"undelivered" doc:"Messages older than a day without a receipt: the phone is off, or its owner has blocked the number"`
	RefusedByCode  map[int]int64 `json:"refusedByCode" doc:"Messages that WhatsApp refused, by its code: 463 is the time lock, 429 too many"`
	BlockedByOwner int           `json:"blockedByOwner" doc:"Contacts that the account has blocked, now"`
}

// Day counts one day in the policy's time zone.
type Day struct {
	Date        string `json:"date" format:"date"`
	Sends       int    `json:"sends"`
	ToStrangers int    `json:"toStrangers"`
	Recipients  int    `json:"recipients"`
	NewChats    int    `json:"newChats"`
	Undelivered int    `json:"undelivered"`
}

// notVisible is said with every answer.
var notVisible = []string{
	"who has blocked the number, or reported it: WhatsApp tells no linked device. A rise of undelivered messages, and a ban with the reason that too many people blocked the number, are the signs",
	"what WhatsApp thinks of the number before it refuses something",
	"how many messages WhatsApp lets a number send: it publishes no figure",
}

// view puts together what is known of the instance's number at a time.
func (k *Keeper) view(ctx context.Context, in store.Instance, now time.Time) (View, error) {
	policy := healthpolicy.Read(in.HealthPolicy)
	facts, err := readFacts(ctx, k.store, in.ID, policy, now)
	if err != nil {
		return View{}, err
	}
	d := policy.Decide(facts, now)
	v := View{Policy: policy, Paced: d.Paced != nil && policy.Mode != healthpolicy.Off, NotVisible: notVisible}
	v.Standing, _ = facts.Standing.At(now)
	v.FirstContacts = FirstContacts{
		Age: d.Age, WarmUpDay: d.WarmDay, Limited: d.Contacts != nil, Enforced: policy.Mode == healthpolicy.Protect,
	}
	if c := d.Contacts; c != nil {
		until := c.Until.UTC()
		v.FirstContacts.Reason, v.FirstContacts.Until, v.FirstContacts.LimitToday = c.Reason, &until, &c.Most
	}
	if !d.Quiet.IsZero() {
		until := d.Quiet.UTC()
		v.QuietUntil = &until
	}
	return v, k.count(ctx, in, &v, now.In(policy.Zone()))
}

// count adds the counts of the last days.
func (k *Keeper) count(ctx context.Context, in store.Instance, v *View, now time.Time) error {
	y, m, d := now.Date()
	starts := make([]time.Time, shownDays)
	for i := range starts {
		starts[i] = time.Date(y, m, d-shownDays+1+i, 0, 0, 0, 0, now.Location())
	}
	days, err := k.store.NumberDays(ctx, in.ID, starts, now.Add(-overdue))
	if err != nil {
		return err
	}
	week := &v.Week
	for i := shownDays - 1; i >= 0; i-- {
		day := days[i]
		v.Days = append(v.Days, Day{
			Date: starts[i].Format(time.DateOnly), Sends: day.Sends, ToStrangers: day.ToStrangers,
			Recipients: day.Recipients, NewChats: day.NewChats, Undelivered: day.Undelivered,
		})
		week.Sends += day.Sends
		week.ToStrangers += day.ToStrangers
		week.NewChats += day.NewChats
		week.Undelivered += day.Undelivered
	}
	v.FirstContacts.PeopleToday = days[shownDays-1].Strangers
	replies, err := k.store.NumberReplies(ctx, in.ID, starts[0])
	if err != nil {
		return err
	}
	week.Recipients, week.Answered = replies.Recipients, replies.Answered
	week.StrangerShare, week.ReplyRatio = share(week.ToStrangers, week.Sends), share(week.Answered, week.Recipients)
	if week.RefusedByCode, err = k.store.NumberRefusals(ctx, in.ID, starts[0]); err != nil {
		return err
	}
	week.BlockedByOwner, err = k.store.Blocked(ctx, in.ID)
	return err
}

// share is nil where there is nothing to have a share of.
func share(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	s := float64(part) / float64(whole)
	return &s
}
