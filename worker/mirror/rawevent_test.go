package mirror

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	payload "whatsapp-manager/proto/event"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/message"
)

// row is an event's payload as readers take it from the table.
type row struct{ Type, Payload string }

func (b *bench) rows(after uint64) (all []row) {
	b.Helper()
	rows, err := b.pool.Query(b.ctx, `select type, (`+itsPayload+`)::text from events e where seq > $1 order by seq`, after)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.Type, &r.Payload); err != nil {
			b.Fatal(err)
		}
		all = append(all, r)
	}
	if rows.Err() != nil {
		b.Fatal(rows.Err())
	}
	return all
}

func (b *bench) seen(chat string) {
	b.Helper()
	if err := b.MarkSeen(b.ctx, chat); err != nil {
		b.Fatal(err)
	}
}

func arguments(t *testing.T, p payload.Payload) (args []json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal(p.Args, &args); err != nil {
		t.Fatal(err)
	}
	return args
}

func decodeJSON(t *testing.T, raw json.RawMessage) *waE2E.Message {
	t.Helper()
	var m waE2E.Message
	if err := protojson.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return &m
}

// menu is what a business sends, with a part that has no place in the shape of a message.
func menu(params string) *waE2E.Message {
	return &waE2E.Message{InteractiveMessage: &waE2E.InteractiveMessage{
		Body: &waE2E.InteractiveMessage_Body{Text: proto.String("Choose")},
		InteractiveMessage: &waE2E.InteractiveMessage_NativeFlowMessage_{NativeFlowMessage: &waE2E.InteractiveMessage_NativeFlowMessage{
			Buttons:           []*waE2E.InteractiveMessage_NativeFlowMessage_NativeFlowButton{{Name: proto.String("galaxy_message"), ButtonParamsJSON: proto.String(params)}},
			MessageParamsJSON: proto.String(`{"from":"api"}`),
		}},
	}}
}

func picture(caption string) *waE2E.Message {
	return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
		Caption: proto.String(caption), Mimetype: proto.String("image/png"), DirectPath: proto.String("/x"), MediaKey: make([]byte, 32),
	}}
}

// life lets one message of each side come, be changed and go. It does the same each time, for
// other messages.
func (b *bench) life(n, params string) {
	in := from(annaID, "IN"+n, "", 1000)
	in.Raw = menu(params)
	out := sent(annaID, "OU"+n, "", 1000)
	out.Raw = picture(params)
	b.apply(in)
	b.apply(out)
	b.apply(&inbound.Edit{Chat: annaID, ID: "ED" + n, Target: "IN" + n, Sender: annaID, At: time.Unix(1001, 0), AtMs: 1001000, Raw: text(params)})
	b.apply(&inbound.Edit{Chat: annaID, ID: "EU" + n, Target: "??" + n, Sender: annaID, At: time.Unix(1001, 0), AtMs: 1001000, Raw: text(params)})
	b.apply(&inbound.Receipt{Chat: annaID, By: annaID, IDs: []string{"OU" + n}, Level: inbound.LevelRead, At: time.Unix(1002, 0)})
	b.apply(&inbound.DeleteForMe{Chat: annaID, ID: "OU" + n})
	b.apply(&inbound.Revoke{Chat: annaID, Target: "IN" + n, TargetSender: annaID, By: annaID, At: time.Unix(1003, 0), ID: "RE" + n, Raw: revocation})
}

var revocation = &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum()}}

// Raw content comes to each event whose first argument is a Message that has content. While
// nobody wants it, the rows are, byte for byte, what they were without.
func TestRawContentIsInEventsOnRequest(t *testing.T) {
	b := newBench(t)
	b.apply(from(annaID, "A0", "x", 999)) // the first of a chat costs more
	b.seen(annaID)
	const params = `{"flow":"<1>"}`
	start := b.Head()
	b.life("1", params)
	plain := b.rows(start)
	b.seen(annaID)
	b.SetRawEvents(true)
	start = b.Head()
	b.life("2", params)
	rich := b.rows(start)
	b.seen(annaID)
	b.SetRawEvents(false)
	start = b.Head()
	b.life("3", params)
	again := b.rows(start)

	with := map[string]*waE2E.Message{}
	if len(plain) != len(rich) || len(plain) != len(again) {
		t.Fatalf("%d, %d and %d events", len(plain), len(rich), len(again))
	}
	for i := range plain {
		named := func(s, n string) string {
			for _, kind := range []string{"IN", "OU", "ED", "EU", "??"} {
				s = strings.ReplaceAll(s, kind+n, kind)
			}
			return s
		}
		want := named(plain[i].Payload, "1")
		if strings.Contains(want, `"raw`) || named(again[i].Payload, "3") != want {
			t.Errorf("%s without raw content: %s, then %s", plain[i].Type, plain[i].Payload, again[i].Payload)
		}
		p, err := payload.Decode([]byte(rich[i].Payload))
		if err != nil {
			t.Fatal(err)
		}
		if bare := string(payload.EncodeWith(payload.Raw{}, arguments(t, p)...)); named(bare, "2") != want {
			t.Errorf("%s beside raw content: %s, want %s", rich[i].Type, bare, want)
		}
		if p.Message != nil {
			with[rich[i].Type] = decodeJSON(t, p.Message)
		}
	}
	image := picture(params)
	want := map[string]*waE2E.Message{
		"message": menu(params), "message_create": image, "message_ack": image, "media_uploaded": image,
		"message_edit": text(params), "message_revoke_me": image, "message_revoke_everyone": revocation,
	}
	for kind, content := range want {
		t.Run(kind, func(t *testing.T) {
			if !proto.Equal(with[kind], content) {
				t.Errorf("got %v, want %v", with[kind], content)
			}
		})
	}
	for kind := range with {
		if want[kind] == nil {
			t.Errorf("%s has raw content", kind)
		}
	}
}

// What is too long is left out, and says so.
func TestRawContentIsBounded(t *testing.T) {
	b := newBench(t)
	b.SetRawEvents(true)
	op := from(annaID, "A1", "", 1000)
	op.Raw = menu(strings.Repeat("x", 300<<10))
	b.apply(op)
	kept, err := b.Message(b.ctx, "A1")
	if err != nil {
		t.Fatal(err)
	}
	if _, omitted := message.JSON(kept.Raw); !omitted {
		t.Fatal("it is not too long")
	}
	for _, r := range b.rows(0) {
		if p, err := payload.Decode([]byte(r.Payload)); err != nil || p.Message != nil {
			t.Errorf("%s has %d bytes of raw content, %v", r.Type, len(p.Message), err)
		}
		if told := strings.HasSuffix(r.Payload, `,"rawOmitted":true}`); told != strings.HasPrefix(r.Type, "message") {
			t.Errorf("%s says that something is left out: %v", r.Type, told)
		}
	}
}

// A message that could not be read has raw content when it can be.
func TestRawContentComesWithTheReadableMessage(t *testing.T) {
	b := newBench(t)
	b.SetRawEvents(true)
	closed := from(annaID, "A1", "", 1000)
	closed.Raw, closed.Type = nil, "ciphertext"
	b.apply(closed)
	for _, r := range b.rows(0) {
		if strings.Contains(r.Payload, `"raw"`) {
			t.Errorf("%s: %s", r.Type, r.Payload)
		}
	}
	start := b.Head()
	opened := from(annaID, "A1", "hello", 1000)
	b.expect("message_create message unread_count ", func() { b.apply(opened) })
	for _, r := range b.rows(start)[:2] {
		if !strings.HasSuffix(r.Payload, `,"raw":{"conversation":"hello"}}`) {
			t.Errorf("%s: %s", r.Type, r.Payload)
		}
	}
}

// A vote has what was opened in place of what was sealed, and the sealed part when nothing
// opens it.
func TestRawContentOfAVote(t *testing.T) {
	b := newBench(t)
	b.SetRawEvents(true)
	b.poll("P", false)
	update := &waE2E.PollUpdateMessage{
		PollCreationMessageKey: &waCommon.MessageKey{ID: proto.String("P")},
		Vote:                   &waE2E.PollEncValue{EncPayload: []byte{1}, EncIV: []byte{2}},
	}
	for i, row := range []struct {
		name       string
		hashes     [][]byte
		unreadable bool
		want       string
	}{
		{"opened", [][]byte{{3}}, false, `{"selectedOptions":["Aw=="]}`},
		{"taken back", nil, false, `{}`},
		{"unreadable", nil, true, `{"encPayload":"AQ==","encIV":"Ag=="}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			start := b.Head()
			b.apply(&inbound.Vote{
				Chat: teamID, Target: "P", ID: name(i), Voter: annaID, Hashes: row.hashes, AtMs: int64(i + 1), Unreadable: row.unreadable,
				Raw: &waE2E.Message{PollUpdateMessage: update},
			})
			p, err := payload.Decode([]byte(b.rows(start)[0].Payload))
			if err != nil {
				t.Fatal(err)
			}
			got := decode[struct {
				PollUpdateMessage struct {
					Vote                   json.RawMessage
					PollCreationMessageKey struct{ ID string }
				}
			}](t, p.Message).PollUpdateMessage
			var vote bytes.Buffer
			if err := json.Compact(&vote, got.Vote); err != nil || vote.String() != row.want || got.PollCreationMessageKey.ID != "P" {
				t.Errorf("got %s, %v", p.Message, err)
			}
		})
	}
}
