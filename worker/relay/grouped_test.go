package relay_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/shape"
)

// People who never wrote are first contacts of the account that puts them into a group,
// by whatever method: all are put in or none, and those who were put in are counted.
func TestStrangersInAGroupAreFirstContacts(t *testing.T) {
	r := newRig(t)
	for i := 2; i <= 8; i++ {
		r.Contact(fmt.Sprintf("1555000000%d", i), "Somebody")
	}
	friend := r.Contact("15550000009", "Friend")
	r.Say(friend, "hello")
	r.Eventually("the friend's message", func() bool {
		written, err := r.Mirror.HasWritten(r.Ctx, "15550000009@c.us")
		return err == nil && written
	})
	timed, hidden := r.Contact("15550000010", "Timed"), r.Contact("15550000011", "Hidden")
	since := time.Now().Add(-time.Hour)
	try := func(most uint32, method string, args ...any) (json.RawMessage, *fault.Error) {
		t.Helper()
		params, err := json.Marshal(args)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := r.Do(r.Ctx, relay.Request{Method: method, Params: params, FirstContacts: &workerv1.FirstContacts{
			Reason: "warm_up", Until: timestamppb.New(time.Now().Add(time.Hour)), Most: most, Since: timestamppb.New(since),
		}})
		var f *fault.Error
		if err != nil && !errors.As(err, &f) {
			t.Fatalf("no fault: %v", err)
		}
		return answer, f
	}
	wid := func(n int) string { return fmt.Sprintf("155500000%02d@c.us", n) }
	answer, f := try(0, "createGroup", "Friends", []string{wid(9)})
	if f != nil {
		t.Fatalf("somebody who wrote: %v", f)
	}
	var made struct{ GID shape.Wid }
	if err := json.Unmarshal(answer, &made); err != nil {
		t.Fatal(err)
	}
	id := made.GID.Serialized
	add := func(people ...string) []any { return []any{id, people, "add"} }
	for _, tc := range []struct {
		name    string
		most    uint32
		method  string
		args    []any
		names   string // of those who are refused; empty: it goes through
		not     string // of those who are not named
		counted int
	}{
		{"locked", 0, "createGroup", []any{"Cold", []string{wid(9), wid(2)}}, "params[1][1]", "params[1][0]", 0},
		{"more than may be", 1, "createGroup", []any{"Cold", []string{wid(2), wid(9), wid(3)}}, "params[1][0], params[1][2]", "params[1][1]", 0},
		{"as many as may be", 2, "createGroup", []any{"Warm", []string{wid(2), wid(9), wid(3)}}, "", "", 2},
		{"the same people again", 2, "GroupChat.addParticipants", []any{id, []string{wid(2), wid(3)}}, "", "", 2},
		{"one more", 2, "GroupChat.addParticipants", []any{id, []string{wid(4), wid(2)}}, "params[1][0]", "params[1][1]", 2},
		{"a message to one more", 2, "sendMessage", []any{wid(4), "cold"}, "this person", "", 2},
		{"a message to somebody in the group", 2, "sendMessage", []any{wid(3), "hello there"}, "", "", 2},
		{"by reflection, one more", 2, "whatsmeow.CreateGroup", []any{map[string]any{"name": "Cold", "participants": []string{wid(9), wid(5)}}}, "params[0].Participants[1]", "Participants[0]", 2},
		{"by reflection, within", 3, "whatsmeow.CreateGroup", []any{map[string]any{"name": "Warm", "participants": []string{wid(5)}}}, "", "", 3},
		{"by reflection, added beyond", 3, "whatsmeow.UpdateGroupParticipants", add(wid(6)), "params[1][0]", "", 3},
		{"by reflection, added within", 4, "whatsmeow.UpdateGroupParticipants", add(wid(6)), "", "", 4},
		{"by reflection, by the hidden id", 4, "whatsmeow.UpdateGroupParticipants", add(hidden.LID().String()), "params[1][0]", "", 4},
		{"by reflection, somebody who wrote", 0, "whatsmeow.UpdateGroupParticipants", add(wid(9)), "", "", 4},
		{"made an admin", 0, "whatsmeow.UpdateGroupParticipants", []any{id, []string{wid(9)}, "promote"}, "", "", 4},
		{"taken out again", 0, "whatsmeow.UpdateGroupParticipants", []any{id, []string{wid(6)}, "remove"}, "", "", 4},
		{"a timer for a stranger", 4, "whatsmeow.SetDisappearingTimer", []any{wid(10), "24h", time.Now()}, "this person", "", 4},
		{"a timer within", 5, "whatsmeow.SetDisappearingTimer", []any{wid(7), "24h", time.Now()}, "", "", 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, f := try(tc.most, tc.method, tc.args...)
			if (f == nil) != (tc.names == "") {
				t.Fatalf("%+v", f)
			}
			if f != nil && (f.Kind != fault.RateLimited || f.Code != "warm_up" || f.Sent != fault.SentNothing || !strings.Contains(f.Msg, tc.names) ||
				tc.not != "" && strings.Contains(f.Msg, tc.not) || f.RetryAfter < 59*time.Minute || f.RetryAfter > time.Hour) {
				t.Errorf("%+v", f)
			}
			met, err := r.Mirror.FirstContacts(r.Ctx, since)
			if err != nil || len(met) != tc.counted {
				t.Errorf("counted %v, %v", met, err)
			}
		})
	}
	for _, got := range timed.Phone().Received() {
		t.Errorf("arrived: %+v", got)
	}
}
