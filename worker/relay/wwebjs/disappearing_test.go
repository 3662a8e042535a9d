package wwebjs

import (
	"fmt"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wasim/compose/composetest"
	"whatsapp-manager/worker/wasim/phone"
)

const day = 24 * 60 * 60

// timerOf is what a message that a phone got says about its chat's timer.
func timerOf(m phone.Received) uint32 {
	raw := m.Message
	if p := message.Unwrap(raw).Message.GetProtocolMessage(); p.GetEditedMessage() != nil {
		raw = p.EditedMessage
	}
	return message.Read(raw).Context.GetExpiration()
}

// TestTimersAreLearnt, wherever a chat's timer is told; then what is sent has it.
func TestTimersAreLearnt(t *testing.T) {
	r := newRig(t)
	me, now := r.Me.Number(), time.Now().Unix()
	seven := fmt.Sprintf(`{"protocolMessage":{"type":"EPHEMERAL_SETTING","ephemeralExpiration":%d,"ephemeralSettingTimestamp":"%d"}}`, 7*day, now)
	n := 0
	for name, tc := range map[string]struct {
		own               bool
		message, envelope string
		want              uint32
		set               int64 // 0: the time of the message
	}{
		"message":             {false, `{"extendedTextMessage":{"text":"x","contextInfo":{"expiration":86400}}}`, ``, day, 0},
		"message, with time":  {false, fmt.Sprintf(`{"extendedTextMessage":{"text":"x","contextInfo":{"expiration":86400,"ephemeralSettingTimestamp":"%d"}}}`, now-9), ``, day, now - 9},
		"picture in wrappers": {false, `{"ephemeralMessage":{"message":{"imageMessage":{"mimetype":"image/png","contextInfo":{"expiration":7776000}}}}}`, ``, 90 * day, 0},
		"number":              {false, `{"extendedTextMessage":{"text":"x","contextInfo":{"expiration":86400}}}`, `{"addressing":"pn"}`, day, 0},
		"own phone's message": {true, `{"extendedTextMessage":{"text":"x","contextInfo":{"expiration":86400}}}`, `{"fromMe":true}`, day, 0},
		"setting":             {false, seven, ``, 7 * day, now},
		"own phone's setting": {true, seven, `{"fromMe":true}`, 7 * day, now},
		"setting, milliseconds": {false, fmt.Sprintf(
			`{"protocolMessage":{"type":"EPHEMERAL_SETTING","ephemeralExpiration":86400,"ephemeralSettingTimestamp":"%d"}}`, (now-5)*1000), ``, day, now - 5},
		"setting of the future": {false, `{"protocolMessage":{"type":"EPHEMERAL_SETTING","ephemeralExpiration":86400,"ephemeralSettingTimestamp":"9999999999"}}`, ``, day, 0},
		"history": {false, `{"conversation":"old"}`, fmt.Sprintf(
			`{"asIfHistory":true,"history":{"conversation":{"ephemeralExpiration":86400,"ephemeralSettingTimestamp":"%d"}}}`, now-60), day, now - 60},
	} {
		t.Run(name, func(t *testing.T) {
			n++
			bob := r.Contact(fmt.Sprintf("155501000%02d", n), "Bob")
			chat := bob.Number() + "@c.us"
			from, to := bob.Number(), me
			if tc.own {
				from, to = to, from
			}
			composetest.Message(t, r.Sim, from, to, tc.message, tc.envelope)
			var c *shape.Chat
			r.Eventually("the chat's timer", func() bool {
				if raw, err := r.Try("", "getChatById", chat); err != nil || string(raw) == "null" {
					return false
				}
				c = ask[*shape.Chat](r, "getChatById", chat)
				return c.EphemeralDuration == tc.want
			})
			if set := c.EphemeralSettingTimestamp; tc.set != 0 && set != tc.set || set < now-60 || set > time.Now().Unix()+1 {
				t.Errorf("set at %d, want %d", set, tc.set)
			}
			got := nextOf(r, bob.Phone(), func() { ask[shape.Message](r, "sendMessage", chat, "hello", map[string]any{"sendSeen": false}) })
			info := message.Read(got.Message).Context
			if info.GetExpiration() != tc.want || info.GetEphemeralSettingTimestamp() != c.EphemeralSettingTimestamp {
				t.Errorf("sent with %v", info)
			}
		})
	}
}

// TestTheNewestTimerCounts: what was set earlier does not come back, and none stops it.
func TestTheNewestTimerCounts(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	const chat, jid = "15550000002@c.us", "15550000002@s.whatsapp.net"
	now := time.Now().Unix()
	setting := func(seconds int, at int64) {
		r.Message(bob.Number(), r.Me.Number(), fmt.Sprintf(
			`{"protocolMessage":{"type":"EPHEMERAL_SETTING","ephemeralExpiration":%d,"ephemeralSettingTimestamp":"%d"}}`, seconds, at), "")
	}
	is := func(when string, want uint32) {
		t.Helper()
		got := nextOf(r, bob.Phone(), func() { ask[shape.Message](r, "sendMessage", chat, when) })
		if timerOf(got) != want || ask[shape.Chat](r, "getChatById", chat).EphemeralDuration != want {
			t.Errorf("%s: %d, want %d", when, timerOf(got), want)
		}
		if want == 0 && got.Message.Conversation == nil {
			t.Errorf("%s: no longer the plainest form: %v", when, got.Message)
		}
	}
	is("before", 0)
	setting(day, now-100)
	is("a day", day)
	setting(7*day, now-200)
	is("an earlier one", day)
	r.Message(bob.Number(), r.Me.Number(), fmt.Sprintf(
		`{"extendedTextMessage":{"text":"late","contextInfo":{"expiration":604800,"ephemeralSettingTimestamp":"%d"}}}`, now-300), "")
	is("an earlier one in a message", day)
	setting(day, now-50)
	setting(0, now-70)
	is("set again, and an end from before", day)
	setting(0, now-40)
	is("ended", 0)
	change := nextOf(r, bob.Phone(), func() { ask[any](r, "whatsmeow.SetDisappearingTimer", jid, "2160h", time.Now()) })
	if p := change.Message.GetProtocolMessage(); p.GetEphemeralExpiration() != 90*day || p.GetType() != waE2E.ProtocolMessage_EPHEMERAL_SETTING {
		t.Errorf("set by us: %v", change.Message)
	}
	is("set by us", 90*day)
	ask[any](r, "whatsmeow.SetDisappearingTimer", jid, "0s", time.Now().Add(time.Second))
	r.Eventually("the end at Bob's", func() bool {
		all := bob.Phone().Received()
		return all[len(all)-1].Message.GetProtocolMessage() != nil
	})
	is("ended by us", 0)
}

// TestNewChatsStartWithATimer: the shorter one of the two accounts' settings, and the own one
// where they are the same, as WAWebEphemeralityResolver.resolveNewChatDMSettings has it.
func TestNewChatsStartWithATimer(t *testing.T) {
	r := newRig(t)
	mine, theirs := waE2E.DisappearingMode_INITIATED_BY_ME, waE2E.DisappearingMode_INITIATED_BY_OTHER
	n := 0
	for name, tc := range map[string]struct {
		own, other int64
		want       uint32
		by         waE2E.DisappearingMode_Initiator
	}{
		"none":            {0, 0, 0, 0},
		"own":             {7 * day, 0, 7 * day, mine},
		"theirs":          {0, day, day, theirs},
		"own is shorter":  {day, 90 * day, day, mine},
		"own is longer":   {90 * day, day, day, theirs},
		"both are same":   {day, day, day, mine},
		"theirs is years": {0, 9999 * day, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			n++
			bob := r.Contact(fmt.Sprintf("155501100%02d", n), "Bob")
			chat := bob.Number() + "@c.us"
			bob.SetDefaultTimer(tc.other)
			ask[any](r, "whatsmeow.SetDefaultDisappearingTimer", fmt.Sprintf("%ds", tc.own))
			first := message.Read(nextOf(r, bob.Phone(), func() { ask[any](r, "sendMessage", chat, "hello") }).Message).Context
			mode := first.GetDisappearingMode()
			if tc.want == 0 {
				if first.GetExpiration() != 0 || mode != nil {
					t.Errorf("it says %v", first)
				}
				return
			}
			if first.GetExpiration() != tc.want || mode.GetInitiator() != tc.by || mode.GetInitiatedByMe() != (tc.by == mine) ||
				mode.GetTrigger() != waE2E.DisappearingMode_ACCOUNT_SETTING || time.Since(time.Unix(first.GetEphemeralSettingTimestamp(), 0)) > time.Minute {
				t.Errorf("it says %v", first)
			}
			if c := ask[shape.Chat](r, "getChatById", chat); c.EphemeralDuration != tc.want {
				t.Errorf("the chat has %d", c.EphemeralDuration)
			}
			bob.SetDefaultTimer(0)
			ask[any](r, "whatsmeow.SetDefaultDisappearingTimer", "0s")
			if got := nextOf(r, bob.Phone(), func() { ask[any](r, "sendMessage", chat, "again") }); timerOf(got) != tc.want {
				t.Errorf("the second one has %d", timerOf(got))
			}
		})
	}
	t.Run("a chat that is there", func(t *testing.T) {
		carol := r.Contact("15550000003", "Carol")
		r.Say(carol, "hello")
		carol.SetDefaultTimer(day)
		if got := nextOf(r, carol.Phone(), func() { ask[any](r, "sendMessage", "15550000003@c.us", "hello") }); timerOf(got) != 0 {
			t.Errorf("it has %d", timerOf(got))
		}
	})
	t.Run("an album", func(t *testing.T) {
		dave := r.Contact("15550000004", "Dave")
		dave.SetDefaultTimer(day)
		r.timedAlbum(dave.Phone(), "3EB0A1B2C3D4E5F60703", "15550000004@c.us", day)
	})
}

// TestEverythingSentHasTheTimer that is content, and what is not has none.
func TestEverythingSentHasTheTimer(t *testing.T) {
	r := newRig(t)
	bob, carol := r.Contact("15550000002", "Bob"), r.Contact("15550000003", "Carol")
	const chat, jid = "15550000002@c.us", "15550000002@s.whatsapp.net"
	came := r.Message(bob.Number(), r.Me.Number(), `{"extendedTextMessage":{"text":"x","contextInfo":{"expiration":86400}}}`, "")
	incoming := "false_" + chat + "_" + came.Info.ID
	foreign := "false_15550000003@c.us_" + r.Say(carol, "from elsewhere")
	picture := func(mimetype string) map[string]any {
		return map[string]any{"mimetype": mimetype, "data": b64(relaytest.Picture(t, 30, 30)), "filename": "f"}
	}
	own := ask[shape.Message](r, "sendMessage", chat, "to be edited").ID.Serialized
	doc := ask[shape.Message](r, "sendMessage", chat, picture("application/pdf"), map[string]any{"caption": "c"}).ID.Serialized
	poll := ask[shape.Message](r, "sendMessage", chat, map[string]any{"$type": "Poll", "pollName": "?", "pollOptions": []string{"a", "b"}}).ID.Serialized
	r.Eventually("three at Bob's", func() bool { return len(bob.Phone().Received()) >= 3 })
	for name, tc := range map[string]struct {
		method string
		params []any
		want   uint32
	}{
		"text":            {"sendMessage", []any{chat, "x"}, day},
		"image":           {"sendMessage", []any{chat, picture("image/png")}, day},
		"view once":       {"sendMessage", []any{chat, picture("image/png"), map[string]any{"isViewOnce": true}}, day},
		"sticker":         {"sendMessage", []any{chat, picture("image/png"), map[string]any{"sendMediaAsSticker": true}}, day},
		"video":           {"sendMessage", []any{chat, picture("video/mp4")}, day},
		"audio":           {"sendMessage", []any{chat, picture("audio/mpeg")}, day},
		"document":        {"sendMessage", []any{chat, picture("application/pdf")}, day},
		"with a caption":  {"sendMessage", []any{chat, picture("application/pdf"), map[string]any{"caption": "c"}}, day},
		"poll":            {"sendMessage", []any{chat, map[string]any{"$type": "Poll", "pollName": "?", "pollOptions": []string{"a", "b"}}}, day},
		"place":           {"sendMessage", []any{chat, map[string]any{"$type": "Location", "latitude": 1, "longitude": 2}}, day},
		"card":            {"sendMessage", []any{chat, map[string]any{"$type": "Contact", "id": chat}}, day},
		"cards":           {"sendMessage", []any{chat, []string{chat, "15550000003@c.us"}}, day},
		"event":           {"sendMessage", []any{chat, map[string]any{"$type": "ScheduledEvent", "name": "x", "startTime": time.Now().Add(time.Hour)}}, day},
		"reply":           {"Message.reply", []any{incoming, "x"}, day},
		"forward":         {"Message.forward", []any{foreign, chat}, day},
		"edit":            {"Message.edit", []any{own, "edited"}, day},
		"edited caption":  {"Message.edit", []any{doc, "edited"}, day},
		"raw":             {"whatsmeow.SendMessage", []any{jid, map[string]any{"conversation": "x"}}, day},
		"raw, LID":        {"whatsmeow.SendMessage", []any{bob.LID().String(), map[string]any{"conversation": "x"}}, day},
		"raw, own":        {"whatsmeow.SendMessage", []any{jid, map[string]any{"extendedTextMessage": map[string]any{"text": "x", "contextInfo": map[string]any{"expiration": 3600}}}}, 3600},
		"raw, in wrapper": {"whatsmeow.SendMessage", []any{jid, map[string]any{"ephemeralMessage": map[string]any{"message": map[string]any{"conversation": "x"}}}}, day},
		"reaction":        {"Message.react", []any{incoming, "👍"}, 0},
		"vote":            {"Message.vote", []any{poll, []string{"a"}}, 0},
		"pin":             {"Message.pin", []any{incoming, day}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := nextOf(r, bob.Phone(), func() { ask[any](r, tc.method, tc.params...) })
			if timerOf(got) != tc.want {
				t.Errorf("%d, want %d: %v", timerOf(got), tc.want, got.Message)
			}
		})
	}
	t.Run("album", func(t *testing.T) { r.timedAlbum(bob.Phone(), "3EB0A1B2C3D4E5F60701", chat, day) })
	m := ask[[]shape.Message](r, "Chat.fetchMessages", chat, map[string]any{"limit": 1, "fromMe": true})
	if len(m) != 1 || m[0].Data.EphemeralDuration == 0 {
		t.Errorf("shown as %+v", m)
	}
	if c := ask[shape.Chat](r, "getChatById", chat); c.EphemeralDuration != day {
		t.Errorf("a message with a timer of its own changed the chat's: %d", c.EphemeralDuration)
	}

	group, err := r.Sim.CreateGroup("Club", r.Me, bob)
	if err != nil {
		t.Fatal(err)
	}
	r.Eventually("the group", func() bool {
		raw, err := r.Try("", "getChatById", group.String())
		return err == nil && string(raw) != "null"
	})
	ask[any](r, "whatsmeow.SetDisappearingTimer", group.String(), "168h", time.Now())
	r.Eventually("the group's timer", func() bool {
		c := ask[shape.Chat](r, "getChatById", group.String())
		return c.GroupMetadata != nil && c.GroupMetadata.EphemeralDuration == 7*day
	})
	for _, send := range [][]any{{"sendMessage", group.String(), "x"}, {"Message.forward", foreign, group.String()}} {
		if got := nextOf(r, bob.Phone(), func() { ask[any](r, send[0].(string), send[1:]...) }); timerOf(got) != 7*day {
			t.Errorf("%v in a group: %d", send[0], timerOf(got))
		}
	}
	t.Run("album in a group", func(t *testing.T) {
		r.timedAlbum(bob.Phone(), "3EB0A1B2C3D4E5F60702", group.String(), 7*day)
	})
}

// timedAlbum sends an album of three files, and holds each of its four parts to the timer.
func (r *rig) timedAlbum(to *phone.Phone, id, chat string, want uint32) {
	r.T.Helper()
	before := len(to.Received())
	r.album(id, chat, map[string]any{"caption": "our trip"}, 3)
	r.Eventually("the album", func() bool { return len(to.Received()) >= before+4 })
	for i, part := range to.Received()[before:] {
		if c := message.Read(part.Message); timerOf(part) != want || (c.Type == "album") != (i == 0) {
			r.T.Errorf("part %d (%s): %d, want %d", i, c.Type, timerOf(part), want)
		}
	}
}
