package mirror

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"whatsapp-manager/worker/inbound"
)

// theSame compares the kept list with what a worker without one reads.
func (b *bench) theSame(when string) {
	b.Helper()
	kept, err := b.Chats(b.ctx)
	if err != nil {
		b.Fatal(err)
	}
	read, err := b.readChats(b.ctx)
	if err != nil {
		b.Fatal(err)
	}
	x, _ := json.Marshal(kept)
	y, _ := json.Marshal(read)
	if string(x) != string(y) {
		b.Fatalf("%s: the list is\n%s\nand should be\n%s", when, x, y)
	}
}

// Whatever is written, the kept list is the one that the database has.
func TestKeptChatsAreTheDatabases(t *testing.T) {
	b := newBench(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	people := []string{annaID, bertID, "4933@c.us", "4944@c.us"}
	hidden := []string{"911@lid", "922@lid", "933@lid", "944@lid"}
	at := int64(1_700_000_000)
	var texts []*inbound.Message
	yes, no := true, false
	for step := range 400 {
		at++
		who := r.IntN(len(people))
		person := people[who]
		id := name(step)
		change := inbound.Change{Account: us}
		target := func() *inbound.Message {
			if len(texts) == 0 {
				return from(person, "NONE", "", at)
			}
			return texts[r.IntN(len(texts))]
		}
		switch kind := r.IntN(16); kind {
		case 0, 1, 2:
			m := from(person, id, fmt.Sprint("text ", step), at)
			texts = append(texts, m)
			change.Op, change.Contacts = m, []inbound.Contact{{ID: person, PushName: fmt.Sprint("Name ", r.IntN(3))}}
		case 3:
			m := sent(person, id, "mine", at)
			texts = append(texts, m)
			change.Op = m
		case 4: // by a hidden id, whose number is learnt now or later
			m := from(hidden[who], id, "hidden", at)
			change.Op = m
			if r.IntN(2) == 0 {
				change.Aliases = []inbound.Alias{{LID: hidden[who], ID: person}}
			}
		case 5:
			m := target()
			change.Op = &inbound.Receipt{Chat: m.Chat, IDs: []string{m.ID}, By: m.Chat, Level: inbound.LevelRead, At: time.Unix(at, 0)}
		case 6:
			m := target()
			change.Op = &inbound.Reaction{Chat: m.Chat, Target: m.ID, TargetSender: m.Sender, ID: id, Sender: m.Chat, Text: "👍", AtMs: at * 1000, Unread: true}
		case 7:
			m := target()
			change.Op = &inbound.Revoke{Chat: m.Chat, Target: m.ID, TargetSender: m.Sender, ID: id, By: m.Sender, At: time.Unix(at, 0)}
		case 8:
			m := target()
			change.Op = &inbound.DeleteForMe{Chat: m.Chat, ID: m.ID, At: time.Unix(at, 0)}
		case 9:
			change.Op = &inbound.ClearChat{Chat: person, UpTo: time.Unix(at-int64(r.IntN(100)), 0), Delete: r.IntN(2) == 0}
		case 10:
			n := r.IntN(5) - 1
			change.Op = &inbound.ChatSetting{State: inbound.ChatState{ID: person, Unread: &n, Archived: []*bool{&yes, &no, nil}[r.IntN(3)], Pinned: []*bool{&yes, &no, nil}[r.IntN(3)]}, At: time.Unix(at, 0)}
		case 11:
			m := target()
			change.Op = &inbound.Star{Chat: m.Chat, ID: m.ID, Starred: r.IntN(2) == 0}
		case 12:
			g := group("4911@c.us", "4900@c.us")
			g.Subject = fmt.Sprint("Subject ", step)
			change.Op = &inbound.GroupChange{Chat: groupID, At: time.Unix(at, 0), Full: &g}
		case 13:
			if err := b.MarkSeen(b.ctx, person); err != nil {
				t.Fatal(err)
			}
		case 14:
			change.Contacts = []inbound.Contact{{ID: person, Name: fmt.Sprint("Saved ", r.IntN(3)), Saved: true}}
		case 15:
			change.Op = &inbound.OwnName{Name: fmt.Sprint("Me ", step)}
		}
		if err := b.Apply(b.ctx, change); err != nil {
			t.Fatalf("step %d %T: %v", step, change.Op, err)
		}
		if r.IntN(3) > 0 { // several changes at once, too
			b.theSame(fmt.Sprintf("step %d, %T", step, change.Op))
		}
	}
}

// Who has heard of a message finds it in the list, however much is written and
// read at the same time.
func TestChatsAreNeverOlderThanTheFeed(t *testing.T) {
	b := newBench(t)
	people := []string{annaID, bertID, "4933@c.us"}
	heard := make(chan string, 1000)
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 3 {
		all.Go(func() {
			for ctx.Err() == nil {
				if _, err := b.Chats(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	var now struct {
		sync.Mutex
		id string
	}
	b.OnHead(func(uint64) {
		now.Lock()
		defer now.Unlock()
		heard <- now.id
	})
	var checks sync.WaitGroup
	checks.Go(func() {
		newest := map[string]string{}
		for id := range heard {
			chats, err := b.Chats(t.Context())
			if err != nil {
				t.Error(err)
			}
			for _, c := range chats {
				if c.LastMessage != nil && c.LastMessage.ID.ID > newest[c.ID.Serialized] {
					newest[c.ID.Serialized] = c.LastMessage.ID.ID
				}
			}
			seen := false
			for _, last := range newest {
				seen = seen || last >= id
			}
			if !seen {
				t.Errorf("%s was told of and is not in the list: %v", id, newest)
			}
		}
	})
	for i := range 300 {
		now.Lock()
		now.id = name(i)
		now.Unlock()
		b.apply(from(people[i%3], name(i), "x", int64(1_700_000_000+i)))
	}
	cancel()
	all.Wait()
	close(heard)
	checks.Wait()
	b.theSame("at the end")
}

// A list that nobody asks for is not kept, and one that is kept is read anew
// after a while, since retention removes messages without telling the worker.
func TestKeptChatsEnd(t *testing.T) {
	b := newBench(t)
	b.apply(from(annaID, "A1", "x", 1000))
	b.theSame("first")
	if _, err := b.pool.Exec(b.ctx, `delete from messages where instance_id = $1`, instance); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(chatsKept + time.Second)
	b.now = func() time.Time { return later }
	b.theSame("later")
	b.list.drop()
	if b.list.chats != nil {
		t.Error("the list is still kept")
	}
	b.theSame("after it was dropped")
}
