package baileys

import (
	"encoding/json"
	"slices"

	"whatsapp-manager/supervisor/moving/ratchet"
)

// senderKeyState is one of a device's sender keys, the newest last.
type senderKeyState struct {
	ID    uint32 `json:"senderKeyId"`
	Chain struct {
		Iteration uint32 `json:"iteration"`
		Seed      blob   `json:"seed"`
	} `json:"senderChainKey"`
	Signing struct {
		Public  blob `json:"public"`
		Private blob `json:"private"`
	} `json:"senderSigningKey"`
	Messages []senderMessage `json:"senderMessageKeys"`
}

type senderMessage struct {
	Iteration uint32 `json:"iteration"`
	Seed      blob   `json:"seed"`
}

// toSenderKey translates a record, which stands as JSON in bytes. Nil when it is empty.
func toSenderKey(raw []byte) (*ratchet.SenderKey, bool) {
	var states []senderKeyState
	if json.Unmarshal(raw, &states) != nil {
		return nil, false
	}
	record := &ratchet.SenderKey{}
	for _, s := range slices.Backward(states) {
		public, ok := ratchet.Typed(s.Signing.Public)
		if !ok || len(s.Chain.Seed) != 32 || len(s.Messages) > maxSkipped {
			return nil, false
		}
		to := &ratchet.SenderKeyState{
			KeyID: s.ID, SigningKeyPublic: public, SigningKeyPrivate: s.Signing.Private, Keys: []*ratchet.SenderMessageKey{},
			SenderChainKey: &ratchet.SenderChainKey{Iteration: s.Chain.Iteration, ChainKey: s.Chain.Seed},
		}
		for _, m := range s.Messages {
			if len(m.Seed) != 32 {
				return nil, false
			}
			to.Keys = append(to.Keys, ratchet.DerivedSender(m.Seed, m.Iteration))
		}
		record.SenderKeyStates = append(record.SenderKeyStates, to)
	}
	if len(record.SenderKeyStates) == 0 {
		return nil, true
	}
	return record, true
}

// fromSenderKey translates a record back. lost counts the keys of skipped messages whose
// seed is gone.
func fromSenderKey(k *ratchet.SenderKey) (raw []byte, lost int, err error) {
	states := []senderKeyState{}
	for _, s := range slices.Backward(k.SenderKeyStates) {
		to := senderKeyState{ID: s.KeyID, Messages: []senderMessage{}}
		to.Chain.Iteration, to.Chain.Seed = s.SenderChainKey.Iteration, s.SenderChainKey.ChainKey
		to.Signing.Public, to.Signing.Private = s.SigningKeyPublic, s.SigningKeyPrivate
		for _, m := range s.Keys {
			if len(m.Seed) != 32 {
				lost++
				continue
			}
			to.Messages = append(to.Messages, senderMessage{m.Iteration, m.Seed})
		}
		states = append(states, to)
	}
	raw, err = json.Marshal(states)
	return raw, lost, err
}
