package addon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"

	"whatsapp-manager/worker/wasim/compose"
)

var (
	group                   = types.NewJID("12036", types.GroupServer)
	annaPN, annaLID         = types.NewJID("4911", types.DefaultUserServer), types.NewJID("911", types.HiddenUserServer)
	bobPN, bobLID           = types.NewJID("4922", types.DefaultUserServer), types.NewJID("922", types.HiddenUserServer)
	secret                  = bytes.Repeat([]byte{7}, 32)
	anna, bob               = Person{annaPN, annaLID}, Person{bobPN, bobLID}
	_               Secrets = safe{}
)

// safe holds one secret, filed under one address of its author.
type safe struct {
	chat, by types.JID
	err      error
}

func (s safe) GetMessageSecret(_ context.Context, chat, sender types.JID, id types.MessageID) ([]byte, types.JID, error) {
	if s.err != nil || chat != s.chat || sender != s.by || id != "T" {
		return nil, types.EmptyJID, s.err
	}
	return secret, s.by, nil
}

// kinds are the names that the simulator has for what it seals.
var kinds = map[Kind]string{
	Vote: "pollVote", Reaction: "reaction", Comment: "comment", EventResponse: "eventResponse",
	EventEdit: "eventEdit", MessageEdit: "messageEdit", PollEdit: "pollEdit", PollAddOption: "pollAddOption",
}

type sealed interface {
	GetEncIV() []byte
	GetEncPayload() []byte
}

func seal(t *testing.T, kind Kind, author, sender types.JID) Part {
	t.Helper()
	raw, err := compose.Seal(compose.Sealing{
		Kind: kinds[kind], OriginalSender: author.String(), Sender: sender.String(), TargetID: "T",
		Secret: secret, Raw: json.RawMessage("plain"), Chat: group.String(),
	})
	if err != nil {
		t.Fatal(err)
	}
	var m waE2E.Message
	if err = protojson.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	var part sealed = m.GetSecretEncryptedMessage()
	switch kind {
	case Vote:
		part = m.GetPollUpdateMessage().GetVote()
	case Reaction:
		part = m.GetEncReactionMessage()
	case Comment:
		part = m.GetEncCommentMessage()
	case EventResponse:
		part = m.GetEncEventResponseMessage()
	}
	return Part{
		Kind: kind, Chat: Person{group}, Target: "T", Authors: []Person{anna}, Sender: bob,
		IV: part.GetEncIV(), Sealed: part.GetEncPayload(),
	}
}

// Each kind opens for each form of the author, of the sender, and of the address under
// which the secret is kept.
func TestEveryPairOfForms(t *testing.T) {
	for kind := range kinds {
		for _, author := range anna {
			for _, sender := range bob {
				for _, filed := range anna {
					t.Run(string(kind)+" "+author.Server+" "+sender.Server+" "+filed.Server, func(t *testing.T) {
						plain, err := Open(t.Context(), safe{chat: group, by: filed}, seal(t, kind, author, sender))
						if err != nil || string(plain) != "plain" {
							t.Errorf("%q, %v", plain, err)
						}
					})
				}
			}
		}
	}
}

func TestWhatStaysClosed(t *testing.T) {
	away := errors.New("away")
	have := safe{chat: group, by: annaPN}
	for name, c := range map[string]struct {
		secrets Secrets
		change  func(*Part)
		want    error
	}{
		"no secret":             {safe{}, func(*Part) {}, ErrNoSecret},
		"nobody wrote it":       {have, func(p *Part) { p.Authors = nil }, ErrNoSecret},
		"the store is away":     {safe{err: away}, func(*Part) {}, away},
		"somebody else sent it": {have, func(p *Part) { p.Sender = anna }, ErrNoKey},
		"of another kind":       {have, func(p *Part) { p.Kind = EventResponse }, ErrNoKey},
		"changed":               {have, func(p *Part) { p.Sealed[0] ^= 1 }, ErrNoKey},
		"no content":            {have, func(p *Part) { p.Sealed = nil }, ErrNoKey},
		"a nonce that is short": {have, func(p *Part) { p.IV = p.IV[:5] }, ErrNoKey},
		"no nonce":              {have, func(p *Part) { p.IV = nil }, ErrNoKey},
	} {
		t.Run(name, func(t *testing.T) {
			part := seal(t, Vote, annaPN, bobPN)
			c.change(&part)
			if plain, err := Open(t.Context(), c.secrets, part); !errors.Is(err, c.want) || plain != nil {
				t.Errorf("%q, %v; want %v", plain, err, c.want)
			}
		})
	}
}

// The author of the target is the second who comes into question, and the address under
// which the secret is kept was not among those known.
func TestAnotherAuthor(t *testing.T) {
	part := seal(t, Vote, annaLID, bobLID)
	part.Authors = []Person{bob, {annaPN}}
	renamed := filing{safe{chat: group, by: annaPN}}
	if plain, err := Open(t.Context(), renamed, part); err != nil || string(plain) != "plain" {
		t.Errorf("%q, %v", plain, err)
	}
}

// filing answers with the other form of the address, as a store does that knows the pair.
type filing struct{ safe }

func (f filing) GetMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID) ([]byte, types.JID, error) {
	key, _, err := f.safe.GetMessageSecret(ctx, chat, sender, id)
	if key == nil {
		return nil, types.EmptyJID, err
	}
	return key, annaLID, err
}
