package addon

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
)

// Kind is what a part is for. Its value is the label that takes part in the key.
type Kind string

// The kinds, with the labels that whatsmeow's msgsecret.go has of WhatsApp Web.
const (
	Vote          Kind = "Poll Vote"
	Reaction      Kind = "Enc Reaction"
	Comment       Kind = "Enc Comment"
	EventResponse Kind = "Event Response"
	EventEdit     Kind = "Event Edit"
	MessageEdit   Kind = "Message Edit"
	PollEdit      Kind = "Poll Edit"
	PollAddOption Kind = "Poll Add Option" // WAUseCaseSecret; whatsmeow opens these as PollEdit
)

// bound reports whether the part is bound to its target and its sender as additional data.
func (k Kind) bound() bool { return k == Vote || k == EventResponse }

// Errors of parts that stay closed.
var (
	ErrNoSecret = errors.New("the secret of the earlier message is not known")
	ErrNoKey    = errors.New("no pair of addresses makes the key")
)

// Secrets keeps the secrets of messages. whatsmeow's store (Store.MsgSecrets) is one. For
// an unknown one it returns nil and no error.
type Secrets interface {
	GetMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID) ([]byte, types.JID, error)
}

// Person is the addresses of one person, the likeliest first.
type Person []types.JID

// Part is what was sealed, and by whom.
type Part struct {
	Kind   Kind
	Chat   Person // the forms of the chat's id
	Target types.MessageID
	// Authors are the people who may have written the target, the likeliest first.
	Authors []Person
	Sender  Person
	IV      []byte
	Sealed  []byte
}

// nonce and secret are the lengths that WhatsApp gives them.
const (
	nonceLength  = 12
	secretLength = 32
)

// Open returns what was sealed. ErrNoSecret and ErrNoKey mean that it stays closed; any
// other error comes from the store of secrets, and another try may succeed.
func Open(ctx context.Context, secrets Secrets, p Part) ([]byte, error) {
	err := ErrNoSecret
	for _, author := range p.Authors {
		secret, filed, failed := p.secret(ctx, secrets, author)
		if failed != nil {
			return nil, fmt.Errorf("read secret of message: %w", failed)
		}
		if secret == nil {
			continue
		}
		if !slices.Contains(author, filed) && !filed.IsEmpty() {
			author = append(slices.Clone(author), filed)
		}
		if plain, ok := p.open(secret, author); ok {
			return plain, nil
		}
		err = ErrNoKey
	}
	return nil, err
}

// secret looks the secret up under each form of chat and author.
func (p *Part) secret(ctx context.Context, secrets Secrets, author Person) ([]byte, types.JID, error) {
	for _, chat := range p.Chat {
		for _, by := range author {
			secret, filed, err := secrets.GetMessageSecret(ctx, chat, by, p.Target)
			if err != nil || len(secret) > 0 {
				return secret, filed.ToNonAD(), err
			}
		}
	}
	return nil, types.EmptyJID, nil
}

func (p *Part) open(secret []byte, author Person) ([]byte, bool) {
	if len(p.IV) != nonceLength { // the cipher panics on any other
		return nil, false
	}
	for _, by := range author {
		for _, sender := range p.Sender {
			from := sender.ToNonAD().String()
			use := p.Target + by.ToNonAD().String() + from + string(p.Kind)
			var about []byte
			if p.Kind.bound() {
				about = []byte(p.Target + "\x00" + from)
			}
			plain, err := gcmutil.Decrypt(hkdfutil.SHA256(secret, nil, []byte(use), secretLength), p.IV, p.Sealed, about)
			if err == nil {
				return plain, true
			}
		}
	}
	return nil, false
}
