package mirror

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/inbound"
)

func pollOf(name string, options ...string) *waE2E.Message {
	poll := &waE2E.PollCreationMessage{Name: proto.String(name)}
	for _, o := range options {
		poll.Options = append(poll.Options, &waE2E.PollCreationMessage_Option{OptionName: proto.String(o)})
	}
	return &waE2E.Message{PollCreationMessageV3: poll}
}

func hashes(options ...string) [][]byte {
	var all [][]byte
	for _, o := range options {
		sum := sha256.Sum256([]byte(o))
		all = append(all, sum[:])
	}
	return all
}

// BenchmarkApplyText is one incoming text message: a row, a chat, three events.
func BenchmarkApplyText(b *testing.B) {
	m := newBench(b)
	for i := 0; b.Loop(); i++ {
		change := inbound.Change{
			Account: us, Op: from(fmt.Sprintf("49%03d@c.us", i%50), fmt.Sprintf("3A%018d", i), "a text of some thirty characters", int64(1000+i)),
			Contacts: []inbound.Contact{{ID: fmt.Sprintf("49%03d@c.us", i%50), PushName: "Somebody"}},
		}
		if err := m.Apply(m.ctx, change); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkRole is BenchmarkApplyText and a page of a chat with a worker's
// rights, and beside it as the owner, whom no policy binds: the two take turns,
// so that what else the machine does hits both.
func BenchmarkRole(b *testing.B) {
	bound, free := newBench(b), newBench(b)
	free.pool = free.manager
	free.Mirror = free.reopen(2)
	took := map[*bench]time.Duration{}
	i := 0
	for b.Loop() {
		pair := []*bench{bound, free}
		for _, m := range []*bench{pair[i%2], pair[1-i%2]} {
			began := time.Now()
			change := inbound.Change{Account: us, Op: from(fmt.Sprintf("49%03d@c.us", i%50), fmt.Sprintf("3A%018d", i), "a text of some thirty characters", int64(1000+i))}
			if err := m.Apply(m.ctx, change); err != nil {
				b.Fatal(err)
			}
			if _, err := m.Messages(m.ctx, fmt.Sprintf("49%03d@c.us", i%50), Filter{Limit: 10}); err != nil {
				b.Fatal(err)
			}
			took[m] += time.Since(began)
		}
		i++
	}
	b.ReportMetric(float64(took[bound].Nanoseconds())/float64(b.N), "ns/worker")
	b.ReportMetric(float64(took[free].Nanoseconds())/float64(b.N), "ns/owner")
}

// BenchmarkReceipt is one receipt for an own message: two reads and an event.
func BenchmarkReceipt(b *testing.B) {
	m := newBench(b)
	i := 0
	for b.Loop() {
		b.StopTimer()
		id := fmt.Sprintf("3EB0%018d", i)
		i++
		if _, err := m.RecordSent(m.ctx, inbound.Change{Account: us, Op: sent(annaID, id, "x", int64(i))}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		m.apply(&inbound.Receipt{Chat: annaID, IDs: []string{id}, By: annaID, Level: inbound.LevelDelivered})
	}
}
