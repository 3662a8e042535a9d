package ratchet

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"reflect"
	"testing"

	groupratchet "go.mau.fi/libsignal/groups/ratchet"
	grouprecord "go.mau.fi/libsignal/groups/state/record"
	"go.mau.fi/libsignal/kdf"
	"go.mau.fi/libsignal/keys/chain"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/whatsmeow/store"
)

func key(of byte, n int) []byte { return bytes.Repeat([]byte{of}, n) }

func public(of byte) []byte { return append([]byte{5}, key(of, 32)...) }

func session() *Session {
	state := func(n byte) *State {
		return &State{
			LocalIdentityPublic: public(1), LocalRegistrationID: 11, RemoteIdentityPublic: public(2), RemoteRegistrationID: 22, PreviousCounter: 3,
			RootKey: key(n, 32), SenderBaseKey: public(n), SessionVersion: Version,
			SenderChain: &Chain{SenderRatchetKeyPublic: public(n + 1), SenderRatchetKeyPrivate: key(n+2, 32), ChainKey: &ChainKey{key(n+3, 32), 4}, MessageKeys: []*MessageKey{}},
			ReceiverChains: []*Chain{
				{SenderRatchetKeyPublic: public(n + 4), ChainKey: &ChainKey{[]byte{}, 5}, MessageKeys: []*MessageKey{{key(6, 32), key(7, 32), key(8, 16), 2}}},
				{SenderRatchetKeyPublic: public(n + 5), ChainKey: &ChainKey{key(n+6, 32), 6}, MessageKeys: []*MessageKey{}},
			},
		}
	}
	s := &Session{SessionState: state(100), PreviousStates: []*State{state(150)}}
	s.SessionState.PendingPreKey = &PendingPreKey{PreKeyID: &Optional{Value: 77}, SignedPreKeyID: 1, BaseKey: public(9)}
	s.PreviousStates[0].PendingPreKey = &PendingPreKey{PreKeyID: &Optional{IsEmpty: true}, SignedPreKeyID: 2, BaseKey: public(10)}
	return s
}

func senderKey() *SenderKey {
	return &SenderKey{SenderKeyStates: []*SenderKeyState{
		{KeyID: 1, SenderChainKey: &SenderChainKey{3, key(1, 32)}, SigningKeyPublic: public(2), SigningKeyPrivate: key(3, 32), Keys: []*SenderMessageKey{DerivedSender(key(4, 32), 2)}},
		{KeyID: 2, SenderChainKey: &SenderChainKey{0, key(5, 32)}, SigningKeyPublic: public(6), Keys: []*SenderMessageKey{}},
	}}
}

// TestWhatsmeowReadsWhatIsWritten lets whatsmeow's own serializer read and write it.
func TestWhatsmeowReadsWhatIsWritten(t *testing.T) {
	codec := store.SignalProtobufSerializer
	theirs, err := record.NewSessionFromBytes(session().Bytes(), codec.Session, codec.State)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseSession(theirs.Serialize())
	if err != nil || !reflect.DeepEqual(again.SessionState.SenderChain, session().SessionState.SenderChain) || len(again.PreviousStates) != 1 {
		t.Errorf("%v, %+v", err, again)
	}
	if items, err := theirs.SessionState().UnackPreKeyMessageItems(); err != nil || items.PreKeyID().Value != 77 {
		t.Errorf("the pre key that waits for an answer: %v, %v", items, err)
	}
	group, err := grouprecord.NewSenderKeyFromBytes(senderKey().Bytes(), codec.SenderKeyRecord, codec.SenderKeyState)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParseSenderKey(group.Serialize()); err != nil || !bytes.Equal(again.SenderKeyStates[0].SenderChainKey.ChainKey, key(1, 32)) {
		t.Errorf("%v, %+v", err, again)
	}
}

// TestKeysAreDerivedAsSignalDoes compares with the library that whatsmeow uses.
func TestKeysAreDerivedAsSignalDoes(t *testing.T) {
	mac := hmac.New(sha256.New, key(1, 32))
	mac.Write([]byte{1})
	seed := mac.Sum(nil)
	want := chain.NewKey(kdf.DeriveSecrets, key(1, 32), 9).MessageKeys()
	if got := Derived(seed, 9); !bytes.Equal(got.CipherKey, want.CipherKey()) || !bytes.Equal(got.MacKey, want.MacKey()) || !bytes.Equal(got.IV, want.Iv()) || got.Index != want.Index() {
		t.Errorf("got %+v", got)
	}
	group, err := groupratchet.NewSenderMessageKey(9, seed)
	if err != nil {
		t.Fatal(err)
	}
	if got := DerivedSender(seed, 9); !bytes.Equal(got.CipherKey, group.CipherKey()) || !bytes.Equal(got.IV, group.Iv()) {
		t.Errorf("of a group: %+v", got)
	}
}

func TestProtoAndBack(t *testing.T) {
	got, err := SessionFromProto(session().Proto())
	if err != nil || !reflect.DeepEqual(got, session()) {
		t.Errorf("%v\ngot  %s\nwant %s", err, got.Bytes(), session().Bytes())
	}
	group, err := SenderKeyFromProto(senderKey().Proto())
	if err != nil || !reflect.DeepEqual(group, senderKey()) {
		t.Errorf("%v, %s", err, group.Bytes())
	}
}

func TestStatesWithoutANameGetOne(t *testing.T) {
	s := session()
	s.SessionState.SenderBaseKey, s.PreviousStates[0].SenderBaseKey = nil, nil
	got, err := SessionFromProto(s.Proto())
	if err != nil || bytes.Equal(got.SessionState.SenderBaseKey, got.PreviousStates[0].SenderBaseKey) || len(got.SessionState.SenderBaseKey) != 33 {
		t.Errorf("%v, %s", err, got.Bytes())
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(session().Proto())
	f.Add(session().Bytes())
	f.Add(senderKey().Proto())
	f.Add(senderKey().Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := SessionFromProto(raw); err == nil {
			if again, err := ParseSession(s.Bytes()); err != nil || again.SessionState == nil {
				t.Errorf("what was read cannot be written: %v", err)
			}
		}
		if s, err := ParseSession(raw); err == nil {
			_ = s.Proto()
		}
		if k, err := SenderKeyFromProto(raw); err == nil {
			if _, err := ParseSenderKey(k.Bytes()); err != nil {
				t.Errorf("what was read cannot be written: %v", err)
			}
		}
		if k, err := ParseSenderKey(raw); err == nil {
			_ = k.Proto()
		}
	})
}
