package worker_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"go.mau.fi/whatsmeow/types"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim/compose"
	"whatsapp-manager/worker/wasim/compose/composetest"
)

// A worker takes messages that no phone of the simulator would write: each form of an address,
// posts in channels, what is not available, what the own phone sent, history, sealed votes.
func TestComposedMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, _ := w.paired()
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
		Subtype                 string // WAWebHandleMsgTypes' PlaceholderType, as its processor writes it
	}
	for name, sent := range map[string]struct {
		from, to, message, envelope string
		want                        row
	}{
		"LID":       {bob, alice, `{"conversation":"LID"}`, ``, row{Opened: true}},
		"number":    {bob, alice, `{"conversation":"number"}`, `{"addressing":"pn"}`, row{Opened: true}},
		"device":    {device.String(), alice, `{"conversation":"device"}`, ``, row{Opened: true}},
		"group":     {bob, group.String(), `{"conversation":"group"}`, `{"addressing":"pn"}`, row{Opened: true, Chat: group.String()}},
		"channel":   {bob, channel.String(), `{"conversation":"channel"}`, ``, row{Opened: true, Chat: channel.String()}},
		"own":       {alice, bob, `{"conversation":"own"}`, `{"fromMe":true}`, row{Opened: true, FromMe: true}},
		"history":   {bob, alice, `{"conversation":"history"}`, `{"asIfHistory":true}`, row{Opened: true, History: true}},
		"of phone":  {alice, bob, `{"conversation":"of phone"}`, `{"fromMe":true,"asIfHistory":true}`, row{Opened: true, History: true, FromMe: true}},
		"view once": {bob, alice, ``, `{"children":[{"tag":"unavailable","attributes":{"type":"view_once"}}]}`, row{Subtype: "view_once_unavailable_fanout"}},
		"own view once": {
			alice, bob, ``, `{"fromMe":true,"children":[{"tag":"unavailable","attributes":{"type":"view_once"}}]}`,
			row{Subtype: "view_once_unavailable_fanout", FromMe: true},
		},
		"view once in a group": {
			bob, group.String(), ``, `{"children":[{"tag":"unavailable","attributes":{"type":"view_once"}}]}`,
			row{Subtype: "view_once_unavailable_fanout", Chat: group.String()},
		},
		"unavailable": {bob, alice, ``, `{"addressing":"pn","children":[{"tag":"unavailable"}]}`, row{Subtype: "fanout"}},
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
				Subtype: value[string](w.instance, `select subtype from messages where id = $1`, answer.ID),
			}
			if got != sent.want {
				t.Errorf("got %+v, want %+v", got, sent.want)
			}
			if got.Opened {
				return
			}
			w.eventually("the event of a message without content", func() bool {
				return value[int](w.instance, `select count(*)::int from events where type = 'message_ciphertext'
					and payload::text like '%' || $1 || '%' and payload::text like '%"subtype":%"' || $2 || '"%'`, answer.ID, got.Subtype) == 1
			})
		})
	}
	forms := map[string]types.JID{"pn": w.bob.PN(), "lid": w.bob.LID()}
	for author, by := range forms {
		for voter, own := range forms {
			// The envelopes have the same forms, or the other ones.
			w.sub("vote "+author+" "+voter, func(t *testing.T) { w.vote(group, author, voter, by, own) })
			w.sub("vote "+author+" "+voter+" crossed", func(t *testing.T) { w.vote(group, other[author], other[voter], by, own) })
			w.sub("own poll "+author+" "+voter, func(t *testing.T) { w.voteOnOurs(author, voter) })
		}
	}
	w.sub("poll that changes", func(t *testing.T) { w.pollThatChanges(group) })
	w.sub("answer to an event", func(t *testing.T) { w.answerToAnEvent(group) })
	w.sub("kept message", func(t *testing.T) { w.keptMessage(group) })
	w.sub("what comes before its message", func(t *testing.T) { w.early(group) })
	w.sub("unreadable vote", func(t *testing.T) {
		poll, secret := w.poll(group, "pn")
		secret[0]++
		w.cast(group, poll, secret, w.bob.PN(), w.bob.PN(), "pn")
		w.eventually("the vote that nobody can read", func() bool {
			return value[bool](w.instance, `select unreadable from votes where message_id = $1`, poll) &&
				w.votes(poll, `"selectedOptions":null,`) && w.votes(poll, `"unreadable":true`)
		})
		ping, err := p.Ping(w.ctx, &workerv1.PingRequest{})
		if err != nil || ping.GetUnreadable().GetVotes() != 1 || ping.GetUnreadable().GetEdits() != 0 {
			t.Errorf("counted %v, %v", ping.GetUnreadable(), err)
		}
	})
}

var other = map[string]string{"pn": "lid", "lid": "pn"}

// poll makes a poll of bob in a chat, with its secret.
func (w *world) poll(chat types.JID, addressing string) (id string, secret []byte) {
	secret = make([]byte, 32)
	sent := composetest.Message(w.t, w.sim, w.bob.Number(), chat.String(), fmt.Sprintf(
		`{"pollCreationMessageV3":{"name":"Lunch?","options":[{"optionName":"Yes"},{"optionName":"No"}]},
		"messageContextInfo":{"messageSecret":%q}}`, base64.StdEncoding.EncodeToString(secret)), `{"addressing":"`+addressing+`"}`)
	return sent.ID, secret
}

// cast is a vote of bob for Yes, sealed for these forms of author and voter.
func (w *world) cast(chat types.JID, poll string, secret []byte, by, own types.JID, addressing string) {
	to := chat.String()
	if chat.Server != types.GroupServer {
		to = w.account.Number()
	}
	composetest.Message(w.t, w.sim, w.bob.Number(), to, composetest.Seal(w.t, compose.Sealing{
		Kind: "pollVote", OriginalSender: by.String(), Sender: own.String(), TargetID: poll, Secret: secret,
		Options: []string{"Yes"}, Chat: chat.String(),
	}), `{"addressing":"`+addressing+`"}`)
}

// votes tells whether one vote on a poll came with that in its event.
func (w *world) votes(poll, with string) bool {
	return value[int](w.instance, `select count(*)::int from events where type = 'vote_update'
		and payload::text like '%' || $1 || '%' and payload::text like '%' || $2 || '%'`, poll, with) == 1
}

// vote makes a poll and votes in it.
func (w *world) vote(group types.JID, author, voter string, by, own types.JID) {
	poll, secret := w.poll(group, author)
	w.cast(group, poll, secret, by, own, voter)
	w.eventually("the vote", func() bool { return w.votes(poll, `"selectedOptions":[{"name":"Yes"`) })
}

// voteOnOurs makes a poll on our phone and lets bob vote, in a chat of two, sealed for these
// forms of both and in an envelope of the voter's other form.
func (w *world) voteOnOurs(author, voter string) {
	secret := make([]byte, 32)
	poll := composetest.Message(w.t, w.sim, w.account.Number(), w.bob.Number(), fmt.Sprintf(
		`{"pollCreationMessageV3":{"name":"Lunch?","options":[{"optionName":"Yes"},{"optionName":"No"}]},
		"messageContextInfo":{"messageSecret":%q}}`, base64.StdEncoding.EncodeToString(secret)), `{"fromMe":true}`).ID
	us := map[string]types.JID{"pn": w.account.PN(), "lid": w.account.LID()}[author]
	bob := map[string]types.JID{"pn": w.bob.PN(), "lid": w.bob.LID()}[voter]
	w.cast(us, poll, secret, us, bob, other[voter])
	w.eventually("the vote", func() bool { return w.votes(poll, `"selectedOptions":[{"name":"Yes"`) })
}
