package phone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"go.mau.fi/libsignal/groups"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/signalerror"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/whatsmeow/types"
)

// The types of an enc element.
const (
	encPreKey = "pkmsg"
	encNormal = "msg"
	encGroup  = "skmsg"
)

// All functions of this file are called with p.mu held.

func (p *Phone) signal() *signalStore {
	p.store.keys = p.ownKeys()
	return &p.store
}

func (p *Phone) hasSession(device types.JID) bool {
	_, ok := p.store.sessions[device.SignalAddress().String()]
	return ok
}

// encrypt seals a padded plaintext for one device, over a new session when fresh is given.
func (p *Phone) encrypt(
	ctx context.Context, device types.JID, padded []byte, fresh *prekey.Bundle,
) (encType string, ciphertext []byte, err error) {
	return encryptFrom(ctx, p.signal(), device, padded, fresh)
}

func encryptFrom(
	ctx context.Context, store *signalStore, device types.JID, padded []byte, fresh *prekey.Bundle,
) (encType string, ciphertext []byte, err error) {
	address := device.SignalAddress()
	builder := session.NewBuilderFromSignal(store, address, serializer)
	if fresh != nil {
		if err := builder.ProcessBundle(ctx, fresh); err != nil {
			return "", nil, fmt.Errorf("open session with %s: %w", device, err)
		}
	}
	message, err := session.NewCipher(builder, address).Encrypt(ctx, padded)
	if err != nil {
		return "", nil, fmt.Errorf("encrypt for %s: %w", device, err)
	}
	encType = encNormal
	if message.Type() == protocol.PREKEY_TYPE {
		encType = encPreKey
	}
	return encType, message.Serialize(), nil
}

// decrypt opens a ciphertext that a device sent to this one alone. It tries each state of the
// session on a copy, as Signal's own library does (libsignal-protocol-java,
// SessionCipher.decrypt). The Go library's loop also advances the ratchet of the states that
// do not fit, after which messages in those states cannot be read any more. Several states are
// in use when both sides opened a session at the same time.
func (p *Phone) decrypt(ctx context.Context, device types.JID, encType string, ciphertext []byte) ([]byte, error) {
	address, store := device.SignalAddress(), p.signal()
	builder := session.NewBuilderFromSignal(store, address, serializer)
	known, err := store.LoadSession(ctx, address)
	if err != nil {
		return nil, err
	}
	var message *protocol.SignalMessage
	if encType == encPreKey {
		opening, err := protocol.NewPreKeySignalMessageFromBytes(ciphertext, serializer.PreKeySignalMessage, serializer.SignalMessage)
		if err != nil {
			return nil, fmt.Errorf("parse prekey message: %w", err)
		}
		if _, err = builder.Process(ctx, known, opening); err != nil {
			return nil, fmt.Errorf("open session of %s: %w", device, err)
		}
		message = opening.WhisperMessage()
	} else if message, err = protocol.NewSignalMessageFromBytes(ciphertext, serializer.SignalMessage); err != nil {
		return nil, fmt.Errorf("parse message: %w", err)
	}
	cipher := session.NewCipher(builder, address)
	states := append([]*record.State{known.SessionState()}, known.PreviousSessionStates()...)
	for i, state := range states {
		try, err := record.NewStateFromBytes(state.Serialize(), serializer.State)
		if err != nil {
			return nil, fmt.Errorf("copy session with %s: %w", device, err)
		}
		padded, _, err := cipher.DecryptWithState(ctx, try, message)
		if errors.Is(err, signalerror.ErrOldCounter) {
			return nil, fmt.Errorf("decrypt message of %s: %w", device, err)
		}
		if err != nil {
			continue
		}
		if err = store.StoreSession(ctx, address, inOrder(try, slices.Delete(states, i, i+1))); err != nil {
			return nil, err
		}
		return unpad(padded)
	}
	return nil, fmt.Errorf("decrypt message of %s: %w", device, signalerror.ErrNoValidSessions)
}

// inOrder is a session of a present state and earlier ones, the latest first.
func inOrder(present *record.State, earlier []*record.State) *record.Session {
	states := append([]*record.State{present}, earlier...)
	whole := record.NewSessionFromState(states[len(states)-1], serializer.Session)
	for _, state := range slices.Backward(states[:len(states)-1]) {
		whole.PromoteState(state)
	}
	return whole
}

func senderKeyName(group, device types.JID) *protocol.SenderKeyName {
	return protocol.NewSenderKeyName(group.String(), device.SignalAddress())
}

// senderKey returns the present state of this phone's sender key in a group, made at first use.
func (p *Phone) senderKey(ctx context.Context, group types.JID) ([]byte, error) {
	return senderKeyOf(ctx, p.signal(), senderKeyName(group, p.lid))
}

func senderKeyOf(ctx context.Context, store *signalStore, name *protocol.SenderKeyName) ([]byte, error) {
	message, err := groups.NewGroupSessionBuilder(store, serializer).Create(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("make sender key: %w", err)
	}
	return message.Serialize(), nil
}

// learnSenderKey stores the sender key that a device distributed.
func (p *Phone) learnSenderKey(ctx context.Context, group, device types.JID, distribution []byte) error {
	message, err := protocol.NewSenderKeyDistributionMessageFromBytes(distribution, serializer.SenderKeyDistributionMessage)
	if err != nil {
		return fmt.Errorf("parse sender key: %w", err)
	}
	err = groups.NewGroupSessionBuilder(p.signal(), serializer).Process(ctx, senderKeyName(group, device), message)
	if err != nil {
		return fmt.Errorf("store sender key: %w", err)
	}
	return nil
}

func (p *Phone) encryptGroup(ctx context.Context, group types.JID, padded []byte) ([]byte, error) {
	return encryptWithSenderKey(ctx, p.signal(), senderKeyName(group, p.lid), padded)
}

func encryptWithSenderKey(
	ctx context.Context, store *signalStore, name *protocol.SenderKeyName, padded []byte,
) ([]byte, error) {
	builder := groups.NewGroupSessionBuilder(store, serializer)
	message, err := groups.NewGroupCipher(builder, name, store).Encrypt(ctx, padded)
	if err != nil {
		return nil, fmt.Errorf("encrypt for %s: %w", name.GroupID(), err)
	}
	return message.SignedSerialize(), nil
}

func (p *Phone) decryptGroup(ctx context.Context, group, device types.JID, ciphertext []byte) ([]byte, error) {
	message, err := protocol.NewSenderKeyMessageFromBytes(ciphertext, serializer.SenderKeyMessage)
	if err != nil {
		return nil, fmt.Errorf("parse group message: %w", err)
	}
	store := p.signal()
	builder := groups.NewGroupSessionBuilder(store, serializer)
	padded, err := groups.NewGroupCipher(builder, senderKeyName(group, device), store).Decrypt(ctx, message)
	if err != nil {
		return nil, fmt.Errorf("decrypt group message of %s: %w", device, err)
	}
	return unpad(padded)
}

// pad appends n bytes of value n, 1 to 15 of them, as clients do to hide the length.
func pad(plaintext []byte) []byte {
	n := 1 + rand.IntN(15)
	return append(slices.Clip(plaintext), bytes.Repeat([]byte{byte(n)}, n)...)
}

var errPadding = errors.New("message has no valid padding")

// unpad accepts up to 16 bytes of padding, the most that any known client writes.
func unpad(padded []byte) ([]byte, error) {
	if len(padded) == 0 {
		return nil, errPadding
	}
	n := int(padded[len(padded)-1])
	if n == 0 || n > 16 || n > len(padded) || !bytes.HasSuffix(padded, bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errPadding
	}
	return padded[:len(padded)-n], nil
}
