package wwebjs

import (
	"encoding/json"
	"fmt"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wasim/phone"
)

// An album is what WhatsApp Web makes of it: its counts first
// (WAWebAlbumsCreateAlbumParentMsgData), then each file, which names the album as its parent
// (associationType MEDIA_ALBUM of WAWebMessageAssociation).
func TestSendAnAlbum(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	group, _ := r.group("Club", nil, "15550000002@c.us")
	said := r.Say(bob, "how was it?")
	// parts are the album and its files that Bob's phone has.
	parts := func(albumID string) (all []phone.Received) {
		for _, m := range bob.Phone().Received() {
			parent := message.Unwrap(m.Message).Association.GetParentMessageKey()
			if m.ID == albumID || parent.GetID() == albumID && parent.GetFromMe() {
				all = append(all, m)
			}
		}
		return all
	}
	for name, chat := range map[string]string{"to a person": "15550000002@c.us", "to a group": group.String()} {
		t.Run(name, func(t *testing.T) {
			id := fmt.Sprintf("3EB0A1B2C3D4E5F607%02d", len(name))
			options := map[string]any{
				"caption": "our trip", "quotedMessageId": "false_15550000002@c.us_" + said, "mentions": []string{"15550000002@c.us"},
			}
			sent := r.album(id, chat, options, 3)
			if d := sent.Data; sent.Type != "album" || sent.ID.ID != id || *d.ExpectedImageCount != 2 || *d.ExpectedVideoCount != 1 || !sent.HasQuotedMsg {
				t.Errorf("sent %+v", sent)
			}
			r.Eventually("an album of three files", func() bool { return len(parts(id)) == 4 })
			arrived := parts(id)
			a := message.Unwrap(arrived[0].Message).Message.GetAlbumMessage()
			if a.GetExpectedImageCount() != 2 || a.GetExpectedVideoCount() != 1 || a.GetContextInfo().GetStanzaID() != said {
				t.Errorf("the album arrived as %v", a)
			}
			for i, file := range arrived[1:] {
				c := message.Read(file.Message)
				if c.Association.GetAssociationType() != waE2E.MessageAssociation_MEDIA_ALBUM || (c.Type == "video") != (i == 1) ||
					(c.Caption == "our trip") != (i == 0) || (len(c.Context.GetMentionedJID()) == 1) != (i == 0) {
					t.Errorf("file %d arrived as %v", i, c)
				}
				got := ask[*shape.Message](r, "getMessageById", "true_"+chat+"_"+file.ID)
				if got == nil || got.Data.AssociationType != "MEDIA_ALBUM" || got.Data.ParentMsgKey.Serialized != sent.ID.Serialized ||
					*got.Data.MessageIndex != int32(i) || !got.HasMedia {
					t.Errorf("file %d is known as %+v", i, got)
				}
			}
			// A repeated call sends nothing.
			if again := r.album(id, chat, options, 3); again.ID != sent.ID {
				t.Errorf("again %+v", again.ID)
			}
			if n := len(parts(id)); n != 4 {
				t.Errorf("%d parts after a repetition", n)
			}
			// One that ended before its last file goes on with that, and with nothing else.
			id += "A"
			r.album(id, chat, nil, 2)
			r.Eventually("an album of two files", func() bool { return len(parts(id)) == 3 })
			r.album(id, chat, nil, 3)
			r.Eventually("the third file", func() bool { return len(parts(id)) == 4 })
			if last := message.Unwrap(parts(id)[3].Message); last.Association.GetMessageIndex() != 2 {
				t.Errorf("the last part is %v", last.Association)
			}
		})
	}
}

// An album has two to thirty pictures and videos, and goes to people.
func TestAnAlbumThatIsNone(t *testing.T) {
	r := newRig(t)
	r.Contact("15550000002", "Bob")
	const chat = "15550000002@c.us"
	photo := map[string]any{"$type": "MessageMedia", "mimetype": "image/png", "data": b64(relaytest.Picture(t, 20, 20))}
	paper := map[string]any{"$type": "MessageMedia", "mimetype": "application/pdf", "data": "JVBERg=="}
	many := make([]any, 31)
	for i := range many {
		many[i] = photo
	}
	two := []any{photo, photo}
	for name, c := range map[string]struct {
		chat    string
		content []any
		options map[string]any
		field   string
	}{
		"one file":        {chat, []any{photo}, nil, "params[1]"},
		"too many":        {chat, many, nil, "params[1]"},
		"a document":      {chat, []any{photo, paper}, nil, "params[1][1]"},
		"a contact":       {chat, []any{photo, chat}, nil, "params[1][1]"},
		"to be seen once": {chat, two, map[string]any{"isViewOnce": true}, "options.isViewOnce"},
		"as documents":    {chat, two, map[string]any{"sendMediaAsDocument": true}, "options.sendMediaAsDocument"},
		"a second file":   {chat, two, map[string]any{"media": photo}, "options.media"},
		"to a channel":    {"120363000000000001@newsletter", two, nil, "params[0]"},
		"to the status":   {"status@broadcast", two, nil, "params[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.Try("", "sendMessage", c.chat, c.content, c.options)
			if !fault.Is(err, fault.Invalid) || relaytest.FieldOf(err) != c.field {
				t.Errorf("%v names %q, want %q", err, relaytest.FieldOf(err), c.field)
			}
		})
	}
	if last := ask[[]shape.Message](r, "Chat.fetchMessages", chat, map[string]any{}); len(last) != 0 {
		t.Errorf("%d messages went out", len(last))
	}
}

// album sends the first of a picture, a video and a picture under a message id.
func (r *rig) album(messageID, chat string, options map[string]any, files int) shape.Message {
	r.T.Helper()
	photo := map[string]any{"$type": "MessageMedia", "mimetype": "image/png", "data": b64(relaytest.Picture(r.T, 20, 20))}
	clip := map[string]any{"$type": "MessageMedia", "mimetype": "video/mp4", "data": b64([]byte("a clip"))}
	answer, err := r.Try(messageID, "sendMessage", chat, []any{photo, clip, photo}[:files], options)
	if err != nil {
		r.T.Fatal(err)
	}
	var sent shape.Message
	if err := json.Unmarshal(answer, &sent); err != nil {
		r.T.Fatal(err)
	}
	return sent
}
