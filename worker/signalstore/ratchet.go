package signalstore

import (
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/whatsmeow/store"
)

// restoreUntouchedStates takes back what a decryption did to the states of a session
// that did not open the message. libsignal tries the states one after the other on
// the record itself, and turns the ratchet even of a state that does not fit
// (session.getOrCreateChainKey runs before the MAC is checked). Messages that either
// side later writes in such a state cannot be read by the other side, which has to
// ask for them again, each time with a new session that spoils the ones before. That
// happens when both sides write first at the same time, and so have two sessions for
// a while. Signal's own library tries copies (libsignal-protocol-java,
// SessionCipher.decrypt).
//
// A state is known by its base key. The present state opened the message; all others
// are put back as they were, each of them once.
func restoreUntouchedStates(before, after []byte) []byte {
	session := store.SignalProtobufSerializer.Session
	now, err := session.Deserialize(after)
	if err != nil || len(now.PreviousStates) == 0 {
		return after
	}
	was, err := session.Deserialize(before)
	if err != nil {
		return after
	}
	states := make(map[string]*record.StateStructure)
	for _, state := range append(was.PreviousStates, was.SessionState) {
		states[string(state.SenderBaseKey)] = state
	}
	seen := map[string]bool{string(now.SessionState.SenderBaseKey): true}
	kept := now.PreviousStates[:0]
	for _, state := range now.PreviousStates {
		key := string(state.SenderBaseKey)
		if seen[key] {
			continue
		}
		seen[key] = true
		if earlier, ok := states[key]; ok {
			state = earlier
		}
		kept = append(kept, state)
	}
	now.PreviousStates = kept
	return session.Serialize(now)
}
