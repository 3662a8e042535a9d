package mirror

import (
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/shape"
)

// BenchmarkChats reads 5,000 chats with their newest messages, and writes them
// as JSON.
func BenchmarkChats(b *testing.B) {
	m := newBench(b)
	const n = 5000
	raw, err := proto.Marshal(&waE2E.Message{Conversation: proto.String("a message of ordinary length, as people write them")})
	if err != nil {
		b.Fatal(err)
	}
	for _, sql := range []string{
		`insert into chats (instance_id, id, timestamp) select $1, (4915000000000 + n) || '@c.us', 1700000000 + n from generate_series(1, $2::int) n`,
		`insert into contacts (instance_id, id, push_name) select $1, (4915000000000 + n) || '@c.us', 'Person ' || n from generate_series(1, $2::int) n`,
	} {
		if _, err := m.pool.Exec(m.ctx, sql, m.instance, n); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := m.pool.Exec(m.ctx, `insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, body, ack, raw)
		select $1, (4915000000000 + n) || '@c.us', '3EB0' || lpad(to_hex(n), 18, '0'), n % 2 = 0, (4915000000000 + n) || '@c.us', 1600000000 + n, 'chat', 'message number ' || n, 1, $3 from generate_series(1, $2::int) n`, m.instance, n, raw); err != nil {
		b.Fatal(err)
	}
	if _, err := m.manager.Exec(m.ctx, `analyze`); err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if chats, err := m.Chats(m.ctx); err != nil || len(chats) != n {
				b.Fatalf("%d chats, %v", len(chats), err)
			}
		}
	})
	chats, err := m.Chats(m.ctx)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("write", func(b *testing.B) {
		size := 0
		for b.Loop() {
			encoded, err := shape.Marshal(chats)
			if err != nil {
				b.Fatal(err)
			}
			size = len(encoded)
		}
		b.ReportMetric(float64(size), "bytes")
	})
}
