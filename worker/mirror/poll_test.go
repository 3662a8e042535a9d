package mirror

import (
	"encoding/json"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/shape"
)

const teamID = "12036301@g.us"

func (b *bench) poll(id string, open bool) {
	raw := pollOf("Lunch?", "Yes", "No")
	message.Poll(raw).AllowAddOption = &open
	b.apply(&inbound.Message{Chat: teamID, ID: id, Sender: annaID, At: time.Unix(1000, 0), Raw: raw, Ack: 1})
}

func option(poll, id, sender, name string) *inbound.AddedOption {
	return &inbound.AddedOption{
		Chat: teamID, Target: poll, ID: id, Sender: sender, Name: name,
		Raw: &waE2E.Message{PollAddOptionMessage: &waE2E.PollAddOptionMessage{}},
	}
}

func names(m shape.Message) (all []string) {
	for _, o := range m.PollOptions {
		all = append(all, o.Name)
	}
	return all
}

// An edit changes the name and no more, as WAWebPollEditDecryptedMsgDataConversion reads it. What
// was added stays, and votes on it are named.
func TestAPollThatChanges(t *testing.T) {
	b := newBench(t)
	b.poll("P", true)
	events := b.expect("message_edit ", func() { b.apply(option("P", "O1", "4922@c.us", "Later")) })
	told := decode[shape.Message](t, events[0].Args[0])
	same(t, "options", names(told), []string{"Yes", "No", "Later"})
	if body := decode[string](t, events[0].Args[1]); body != "Lunch?" || told.LatestEditMsgKey != nil {
		t.Errorf("body %q, edited by %v", body, told.LatestEditMsgKey)
	}
	b.expect("", func() { b.apply(option("P", "O1", "4922@c.us", "Later")) })
	b.expect("", func() { b.apply(option("P", "O2", annaID, "Yes")) })

	edit := &inbound.Edit{Chat: teamID, Target: "P", ID: "E", Sender: annaID, AtMs: 2_000_000, Raw: pollOf("Dinner?", "Perhaps"), At: time.Unix(2000, 0)}
	events = b.expect("message_edit ", func() { b.apply(edit) })
	told = decode[shape.Message](t, events[0].Args[0])
	if before, after := decode[string](t, events[0].Args[2]), decode[string](t, events[0].Args[1]); *told.PollName != "Dinner?" ||
		after != "Dinner?" || before != "Lunch?" || told.LatestEditSenderTimestampMs != 2_000_000 {
		t.Errorf("edited %q, body %q, before %q", *told.PollName, after, before)
	}
	same(t, "options", names(b.message("P")), []string{"Yes", "No", "Later"})

	events = b.expect("vote_update ", func() {
		b.apply(&inbound.Vote{Chat: teamID, Target: "P", ID: "V", Voter: "4922@c.us", Hashes: hashes("Later"), AtMs: 3})
	})
	vote := decode[shape.PollVote](t, events[0].Args[0])
	same(t, "choice", vote.SelectedOptions, []shape.PollOption{{Name: "Later", LocalID: 2}})
}

func TestOptionsThatAreNotAdded(t *testing.T) {
	b := newBench(t)
	b.poll("P", false)
	b.apply(from(annaID, "text", "hello", 1000))
	for name, op := range map[string]*inbound.AddedOption{
		"a poll that only its author adds to": option("P", "O1", "4922@c.us", "Later"),
		"no poll":                             option("text", "O2", annaID, "Later"),
		"a poll that nobody knows":            option("none", "O3", annaID, "Later"),
	} {
		t.Run(name, func(t *testing.T) { b.expect("", func() { b.apply(op) }) })
	}
	t.Run("the author may", func(t *testing.T) {
		b.expect("message_edit ", func() { b.apply(option("P", "O4", annaID, "Later")) })
	})
	t.Run("no end of them", func(t *testing.T) {
		many := pollOf("Many?", make([]string, maxOptions)...)
		message.Poll(many).AllowAddOption = proto.Bool(true)
		b.apply(&inbound.Message{Chat: teamID, ID: "Q", Sender: annaID, At: time.Unix(1000, 0), Raw: many, Ack: 1})
		b.expect("", func() { b.apply(option("Q", "O5", annaID, "Later")) })
	})
}

// An empty list says that a vote was taken back, and null that nobody knows what it was for.
func TestWhatAVoteSays(t *testing.T) {
	b := newBench(t)
	b.poll("P", false)
	for i, row := range []struct {
		name, poll string
		hashes     [][]byte
		unreadable bool
		want       string
	}{
		{"an option", "P", hashes("No"), false, `[{"name":"No","localId":1}]`},
		{"taken back", "P", nil, false, `[]`},
		{"unreadable", "P", nil, true, `null`},
		{"an option that nobody knows", "P", hashes("Never"), false, `null`},
		{"a poll that nobody knows", "none", hashes("No"), false, `null`},
		{"taken back, of a poll that nobody knows", "none", nil, false, `[]`},
	} {
		t.Run(row.name, func(t *testing.T) {
			events := b.expect("vote_update ", func() {
				b.apply(&inbound.Vote{
					Chat: teamID, Target: row.poll, ID: name(i), Voter: annaID, Hashes: row.hashes, AtMs: int64(i + 1), Unreadable: row.unreadable,
				})
			})
			got := decode[struct{ SelectedOptions json.RawMessage }](t, events[0].Args[0]).SelectedOptions
			if string(got) != row.want {
				t.Errorf("told %s, want %s", got, row.want)
			}
			if row.poll != "P" {
				return
			}
			votes, err := b.PollVotes(b.ctx, "P")
			if err != nil || len(votes) != 1 {
				t.Fatalf("read %v, %v", votes, err)
			}
			if read, err := shape.Marshal(votes[0].SelectedOptions); err != nil || string(read) != row.want {
				t.Errorf("read %s, %v", read, err)
			}
		})
	}
}
