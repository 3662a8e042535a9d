package mirror

import (
	"fmt"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/shape"
)

// early counts the changes that wait for their messages.
func (b *bench) earlyChanges() (n int) {
	b.Helper()
	if err := b.pool.QueryRow(b.ctx, `select count(*) from early_changes where instance_id = $1`, instance).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

func (b *bench) past(parts ...inbound.Past) {
	b.Helper()
	b.apply(&inbound.History{Each: func(yield func(inbound.Past) error) error {
		for _, p := range parts {
			if err := yield(p); err != nil {
				return err
			}
		}
		return nil
	}})
}

func inTeam(id string) *inbound.Message {
	m := from(annaID, id, "hello", 1000)
	m.Chat = teamID
	return m
}

func kept(target, id, by string, on bool, at int64) *inbound.Keep {
	return &inbound.Keep{Chat: teamID, Target: target, ID: id, By: by, On: on, AtMs: at}
}

// Keeps that come before their message count as if they had come after it. The rules are those
// of WhatsApp Web's processKeepInChatMessage.
func TestKeepsBeforeTheirMessage(t *testing.T) {
	const author, other, third = annaID, "4922@c.us", "4933@c.us"
	for name, row := range map[string]struct {
		keeps []*inbound.Keep
		want  string
		count int
		id    string
	}{
		"kept":                           {[]*inbound.Keep{kept("M", "K1", other, true, 1)}, "KEPT", 1, "K1"},
		"kept twice":                     {[]*inbound.Keep{kept("M", "K1", other, true, 1), kept("M", "K2", third, true, 2)}, "KEPT", 2, "K2"},
		"undone":                         {[]*inbound.Keep{kept("M", "K1", other, true, 1), kept("M", "K2", other, false, 2)}, "UNKEPT", 1, "K2"},
		"told in the other order":        {[]*inbound.Keep{kept("M", "K2", other, false, 2), kept("M", "K1", other, true, 1)}, "UNKEPT", 1, "K2"},
		"told twice":                     {[]*inbound.Keep{kept("M", "K1", other, true, 1), kept("M", "K1", other, true, 1)}, "KEPT", 1, "K1"},
		"undone by the author, for good": {[]*inbound.Keep{kept("M", "K1", other, true, 1), kept("M", "K2", author, false, 2), kept("M", "K3", third, true, 3)}, "UNKEPT", 1, "K2"},
	} {
		holds := func(t *testing.T, where string, k shape.Kic) {
			t.Helper()
			if k.KicState != row.want || k.KeptCount != row.count || k.KicKey == nil || k.KicKey.ID != row.id {
				t.Errorf("%s: kept %+v", where, k)
			}
		}
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.expect("", func() {
				for _, k := range row.keeps {
					b.apply(k)
				}
			})
			events := b.expect("message_create message unread_count ", func() { b.apply(inTeam("M")) })
			holds(t, "event", decode[shape.Message](t, events[1].Args[0]).Data.Kic)
			holds(t, "stored", b.message("M").Data.Kic)
			if n := b.earlyChanges(); n != 0 {
				t.Errorf("%d wait still", n)
			}
			b.expect("", func() { b.apply(inTeam("M")) })
		})
		t.Run(name+", then the past", func(t *testing.T) {
			b := newBench(t)
			for _, k := range row.keeps {
				b.apply(k)
			}
			b.Mirror = b.reopen(2)
			b.expect("", func() { b.past(inbound.Past{Messages: []inbound.Message{*inTeam("M")}}) })
			holds(t, "stored", b.message("M").Data.Kic)
			if n := b.earlyChanges(); n != 0 {
				t.Errorf("%d wait still", n)
			}
		})
		t.Run(name+", in the past itself", func(t *testing.T) {
			var told []inbound.Keep
			for _, k := range row.keeps {
				told = append(told, *k)
			}
			for where, parts := range map[string][]inbound.Past{
				"in one part":  {{Keeps: told, Messages: []inbound.Message{*inTeam("M")}}},
				"before":       {{Keeps: told}, {Messages: []inbound.Message{*inTeam("M")}}},
				"before, told": {{Keeps: told}, {Keeps: told, Messages: []inbound.Message{*inTeam("M")}}},
			} {
				b := newBench(t)
				b.expect("", func() { b.past(parts...) })
				holds(t, where, b.message("M").Data.Kic)
				b.past(parts...)
				holds(t, where+", again", b.message("M").Data.Kic)
			}
		})
	}
	t.Run("of a message that was there", func(t *testing.T) {
		b := newBench(t)
		b.apply(inTeam("M"))
		b.past(inbound.Past{Keeps: []inbound.Keep{*kept("M", "K", other, true, 1)}})
		if k := b.message("M").Data.Kic; k.KicState != "KEPT" || k.KeptCount != 1 {
			t.Errorf("kept %+v", k)
		}
	})
}

// An option that comes before its poll is there when the poll comes, under the rules for
// those that come after it.
func TestOptionsBeforeTheirPoll(t *testing.T) {
	for name, row := range map[string]struct {
		open   bool
		sender string
		want   []string
	}{
		"a poll that allows it":               {true, bertID, []string{"Yes", "No", "Later"}},
		"a poll that only its author adds to": {false, bertID, []string{"Yes", "No"}},
		"its author":                          {false, annaID, []string{"Yes", "No", "Later"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.expect("", func() {
				b.apply(option("P", "O1", row.sender, "Later"))
				b.apply(option("P", "O2", row.sender, "Yes"))
			})
			b.Mirror = b.reopen(2)
			events := b.expect("message_create message unread_count ", func() { b.poll("P", row.open) })
			same(t, "options told", names(decode[shape.Message](t, events[1].Args[0])), row.want)
			same(t, "options", names(b.message("P")), row.want)
			if n := b.earlyChanges(); n != 0 {
				t.Errorf("%d wait still", n)
			}
		})
	}
	t.Run("a poll that could not be read", func(t *testing.T) {
		b := newBench(t)
		unread := inTeam("P")
		unread.Raw, unread.Type = nil, shape.TypeCiphertext
		b.apply(unread)
		b.apply(option("P", "O1", bertID, "Later"))
		b.poll("P", true)
		same(t, "options", names(b.message("P")), []string{"Yes", "No", "Later"})
	})
	t.Run("a poll of the past", func(t *testing.T) {
		b := newBench(t)
		b.apply(option("P", "O1", bertID, "Later"))
		raw, open := pollOf("Lunch?", "Yes", "No"), true
		message.Poll(raw).AllowAddOption = &open
		m := inTeam("P")
		m.Raw = raw
		b.past(inbound.Past{Messages: []inbound.Message{*m}})
		same(t, "options", names(b.message("P")), []string{"Yes", "No", "Later"})
		if len(message.Poll(raw).GetOptions()) != 2 {
			t.Error("what was handed over has changed")
		}
	})
}

// A message knows of the reactions that came before it.
func TestReactionsBeforeTheirMessage(t *testing.T) {
	for name, bring := range map[string]func(b *bench){
		"live": func(b *bench) { b.apply(inTeam("M")) },
		"past": func(b *bench) { b.past(inbound.Past{Messages: []inbound.Message{*inTeam("M")}}) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.apply(&inbound.Reaction{Chat: teamID, Target: "M", TargetSender: annaID, ID: "R", Sender: bertID, Text: "👍", AtMs: 1})
			bring(b)
			if !b.message("M").HasReaction {
				t.Error("it has no reaction")
			}
		})
	}
}

func TestWhatWaitsIsBounded(t *testing.T) {
	b := newBench(t)
	for i := range earlyInAChat + 3 {
		b.apply(kept(name(i), "K", bertID, true, 1))
	}
	other := kept("M", "K", bertID, true, 1)
	other.Chat = groupID
	b.apply(other)
	if n := b.earlyChanges(); n != earlyInAChat+1 {
		t.Errorf("%d wait, want %d of one chat and 1 of another", n, earlyInAChat)
	}
	b.apply(option("P", "O", bertID, fmt.Sprintf("%01025d", 1)))
	if n := b.earlyChanges(); n != earlyInAChat+1 {
		t.Errorf("%d wait after an endless option", n)
	}
	later := time.Now().Add(earlyFor + time.Minute)
	b.now = func() time.Time { return later }
	b.apply(kept("N", "K", bertID, true, 1))
	if n := b.earlyChanges(); n != 1 {
		t.Errorf("%d wait after a month, want the new one", n)
	}
}

// Strangers cannot fill the table, and what has come makes room.
func TestWhatWaitsInAll(t *testing.T) {
	b := newBench(t)
	if _, err := b.pool.Exec(b.ctx, `insert into early_changes
		select $1, n || '@g.us', 'M' || n, 'K', false, 's@c.us', true, '', 1, $2 from generate_series(1, $3::int) n`,
		instance, time.Now().UnixMilli(), earlyInAll); err != nil {
		b.Fatal(err)
	}
	b.Mirror = b.reopen(2)
	b.apply(kept("N", "K", bertID, true, 1))
	if n := b.earlyChanges(); n != earlyInAll {
		t.Errorf("%d wait, want %d", n, earlyInAll)
	}
	one := inTeam("M1")
	one.Chat = "1@g.us"
	b.apply(one)
	b.apply(kept("N", "K", bertID, true, 1))
	b.apply(inTeam("N"))
	if b.message("M1").Data.KicState != "KEPT" || b.message("N").Data.KicState != "KEPT" {
		t.Errorf("kept %+v and %+v", b.message("M1").Data.Kic, b.message("N").Data.Kic)
	}
}

// What waits for a message of somebody's who is known by a hidden id only moves to the number
// with the chat.
func TestWhatWaitsMovesWithItsChat(t *testing.T) {
	b := newBench(t)
	b.apply(&inbound.Keep{Chat: annaLID, Target: "L1", ID: "K", By: annaLID, On: true, AtMs: 1})
	b.event(book{"911": "4911"}, hidden("L1", "hello", types.NewJID("4911", types.DefaultUserServer)))
	if k := b.message("L1").Data.Kic; k.KicState != "KEPT" || k.KicKey.Participant != annaID && !k.KicKey.FromMe && k.KicKey.Remote != annaID {
		t.Errorf("kept %+v", k)
	}
}
