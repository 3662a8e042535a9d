package reflected

import (
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
)

func TestWhatsmeowByReflection(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	response := ask[struct{ ID, Timestamp string }](r, "whatsmeow.SendMessage", "15550000002@c.us", map[string]any{"conversation": "raw"})
	if got := r.Received(bob, "raw"); got.ID != response.ID || response.Timestamp == "" {
		t.Errorf("sent %+v, received %s", response, got.ID)
	}
	if m := ask[*shape.Message](r, "getMessageById", "true_15550000002@c.us_"+response.ID); m == nil || m.Body != "raw" {
		t.Errorf("the mirror has %+v", m)
	}
	ask[any](r, "whatsmeow.RevokeMessage", "15550000002@c.us", response.ID)
	if kinds := strings.Join(r.Feed("15550000002@c.us"), " "); !strings.Contains(kinds, "message_revoke_everyone") {
		t.Errorf("feed after revoking: %s", kinds)
	}
	answers := ask[[]struct {
		IsIn        bool
		PhoneNumber string
	}](r, "whatsmeow.IsOnWhatsApp", []string{"+15550000002"})
	if len(answers) != 1 || !answers[0].IsIn || answers[0].PhoneNumber != "15550000002@s.whatsapp.net" {
		t.Errorf("answers %+v", answers)
	}
	users := ask[map[string]struct{ Devices []string }](r, "whatsmeow.GetUserInfo", []string{"15550000002@c.us"})
	if len(users["15550000002@s.whatsapp.net"].Devices) == 0 {
		t.Errorf("users %+v", users)
	}
	group := ask[struct {
		JID          types.JID
		Name         string
		Participants []struct{ JID string }
	}](r, "whatsmeow.CreateGroup", map[string]any{"name": "Holiday", "participants": []string{"15550000002@c.us"}})
	if group.Name != "Holiday" || len(group.Participants) != 2 {
		t.Errorf("group %+v", group)
	}
	await(r, "group", func(e *events.JoinedGroup) bool { return e.JID == group.JID })
	ask[shape.Message](r, "sendMessage", group.JID.String(), "hello group")
	if got := r.Received(bob, "hello group"); got.Chat != group.JID {
		t.Errorf("group message arrived in %s", got.Chat)
	}
	if _, err := r.Try("", "whatsmeow.GetGroupInfo", "120363999999999999@g.us"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a group that is not there: %v", err)
	}
}

// TestNothingOddBreaksALiveClient repeats the walk over whatsmeow's methods
// where the simulator answers.
func TestNothingOddBreaksALiveClient(t *testing.T) {
	r := newRig(t)
	devices := r.Me.Devices()
	device := devices[len(devices)-1]
	logins := device.Logins()
	for _, m := range allMethods() {
		switch m.name {
		case "Logout", "ResetConnection", "SetPassive":
			continue // they end what the others need
		}
		if m.reason != "" || m.need == relay.NeedClient {
			continue
		}
		good := samples(m)
		lists := [][]string{good}
		for place := range good {
			for _, value := range relaytest.Odd {
				list := append([]string(nil), good...)
				list[place] = value
				lists = append(lists, list)
			}
		}
		for _, list := range lists {
			if _, err := m.decode(rawList(list)); err == nil {
				relaytest.Survives(t, r.Table, m.Name(), "["+strings.Join(list, ",")+"]")
			}
		}
	}
	// A stanza that WhatsApp cannot read ends the connection.
	if n := device.Logins(); n != logins || !device.Connected() {
		t.Errorf("the connection was lost %d times", n-logins)
	}
}
