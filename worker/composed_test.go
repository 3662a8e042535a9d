package worker_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim/compose"
	"whatsapp-manager/worker/wasim/compose/composetest"
)

// A worker takes messages that no phone of the simulator would write: each form of an address,
// posts in channels, what is not available, what the own phone sent, history, sealed votes.
func TestComposedMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	w.paired()
	alice, bob := w.account.Number(), w.bob.Number()
	group, err := w.sim.CreateGroup("Club", w.account, w.bob)
	if err != nil {
		t.Fatal(err)
	}
	channel := w.bob.CreateChannel("News", "")
	if err = w.account.FollowChannel(channel, false); err != nil {
		t.Fatal(err)
	}
	device := w.bob.LID()
	device.Device = 7
	type row struct {
		FromMe, History, Opened bool
		Chat                    string
	}
	for name, sent := range map[string]struct {
		from, to, message, envelope string
		want                        row
	}{
		"LID":         {bob, alice, `{"conversation":"LID"}`, ``, row{Opened: true}},
		"number":      {bob, alice, `{"conversation":"number"}`, `{"addressing":"pn"}`, row{Opened: true}},
		"device":      {device.String(), alice, `{"conversation":"device"}`, ``, row{Opened: true}},
		"group":       {bob, group.String(), `{"conversation":"group"}`, `{"addressing":"pn"}`, row{Opened: true, Chat: group.String()}},
		"channel":     {bob, channel.String(), `{"conversation":"channel"}`, ``, row{Opened: true, Chat: channel.String()}},
		"own":         {alice, bob, `{"conversation":"own"}`, `{"fromMe":true}`, row{Opened: true, FromMe: true}},
		"history":     {bob, alice, `{"conversation":"history"}`, `{"asIfHistory":true}`, row{Opened: true, History: true}},
		"of phone":    {alice, bob, `{"conversation":"of phone"}`, `{"fromMe":true,"asIfHistory":true}`, row{Opened: true, History: true, FromMe: true}},
		"view once":   {bob, alice, ``, `{"children":[{"tag":"unavailable","attributes":{"type":"view_once"}}]}`, row{}},
		"unavailable": {bob, alice, ``, `{"addressing":"pn","children":[{"tag":"unavailable"}]}`, row{}},
	} {
		w.sub(name, func(t *testing.T) {
			answer := composetest.Message(t, w.sim, sent.from, sent.to, sent.message, sent.envelope)
			if answer.Outcome != "delivered" {
				t.Errorf("sent %+v", answer)
			}
			if sent.want.Chat == "" {
				sent.want.Chat = bob + "@c.us"
			}
			has := func() bool {
				return value[int](w.instance, `select count(*)::int from messages where id = $1`, answer.ID) == 1
			}
			w.eventually("the message in the mirror", has)
			got := row{
				FromMe:  value[bool](w.instance, `select from_me from messages where id = $1`, answer.ID),
				History: value[bool](w.instance, `select history from messages where id = $1`, answer.ID),
				Opened:  value[bool](w.instance, `select raw is not null from messages where id = $1`, answer.ID),
				Chat:    value[string](w.instance, `select chat from messages where id = $1`, answer.ID),
			}
			if got != sent.want {
				t.Errorf("got %+v, want %+v", got, sent.want)
			}
		})
	}
	for author, by := range map[string]types.JID{"pn": w.bob.PN(), "lid": w.bob.LID()} {
		for voter, own := range map[string]types.JID{"pn": w.bob.PN(), "lid": w.bob.LID()} {
			w.sub("vote "+author+" "+voter, func(t *testing.T) { w.vote(group, author, voter, by, own) })
		}
	}
}

// vote makes a poll and votes in it, sealed for the forms in which both travel.
func (w *world) vote(group types.JID, author, voter string, by, own types.JID) {
	secret := make([]byte, 32)
	poll := composetest.Message(w.t, w.sim, w.bob.Number(), group.String(), fmt.Sprintf(
		`{"pollCreationMessageV3":{"name":"Lunch?","options":[{"optionName":"Yes"},{"optionName":"No"}]},
		"messageContextInfo":{"messageSecret":%q}}`, base64.StdEncoding.EncodeToString(secret)), `{"addressing":"`+author+`"}`)
	composetest.Message(w.t, w.sim, w.bob.Number(), group.String(), composetest.Seal(w.t, compose.Sealing{
		Kind: "pollVote", OriginalSender: by.String(), Sender: own.String(), TargetID: poll.ID, Secret: secret,
		Options: []string{"Yes"}, Chat: group.String(),
	}), `{"addressing":"`+voter+`"}`)
	w.eventually("the vote", func() bool {
		return value[int](w.instance, `select count(*)::int from events where type = 'vote_update'
			and payload::text like '%' || $1 || '%'`, poll.ID) == 1
	})
}
