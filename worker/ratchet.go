package worker

import (
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/whatsmeow/store"
)

// withoutTries takes back what a decryption did to the states of a session that
// did not open the message. libsignal tries the states in turn on the record
// itself, and a state that does not fit gets its ratchet turned nevertheless
// (session.getOrCreateChainKey, before the MAC is looked at). What either side
// writes in it later the other cannot read and has to ask for again, each time
// with a new session that spoils the ones before. It happens when both sides
// write first at the same time and so have two sessions for a while. Signal's own
// library tries copies (libsignal-protocol-java, SessionCipher.decrypt).
//
// A state is known by its base key; the present one opened the message, all
// others are as they were before, and once.
func withoutTries(before, after []byte) []byte {
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
