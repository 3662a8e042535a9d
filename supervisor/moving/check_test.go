package moving

import (
	"errors"
	"reflect"
	"strconv"
	"testing"

	"whatsapp-manager/proto/fault"
)

// One transaction writes an account: all of it together has a bound, not only each value.
func TestCheckBoundsTheWhole(t *testing.T) {
	b := func(n int) []byte { return append(make([]byte, n-1), 1) }
	sent := func(rows, size int) (all []Sent) {
		plaintext := b(size)
		for i := range rows {
			all = append(all, Sent{Chat: "1@s.whatsapp.net", ID: strconv.Itoa(i), Plaintext: plaintext})
		}
		return all
	}
	macs := func(rows int) (all []Mac) {
		for i := range rows {
			index := b(32)
			copy(index, strconv.Itoa(i))
			all = append(all, Mac{Version: 1, Index: index, Value: b(32)})
		}
		return all
	}
	secrets := func(rows int) (all []Secret) {
		for i := range rows {
			all = append(all, Secret{Chat: "1@s.whatsapp.net", Sender: "1@s.whatsapp.net", ID: strconv.Itoa(i), Key: []byte{1}})
		}
		return all
	}
	for _, tc := range []struct {
		name    string
		with    Account
		refused bool
	}{
		{"large values", Account{Sent: sent(63, 4<<20)}, false},
		{"too many large values", Account{Sent: sent(65, 4<<20)}, true},
		{"many rows", Account{Sent: sent(150_000, 1)}, false},
		{"too many rows", Account{Sent: sent(200_001, 1)}, true},
		{"secrets as many as are taken", Account{Secrets: secrets(MaxSecrets)}, false},
		{"more secrets", Account{Secrets: secrets(MaxSecrets + 1)}, true},
		{"too many MACs", Account{Collections: []Collection{{Name: "regular", Hash: b(128), Macs: macs(150_001)}}}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := tc.with
			a.Device = Device{
				JID: "4915112345678:3@s.whatsapp.net", RegistrationID: 1, Noise: [32]byte{1}, Identity: [32]byte{2}, SignedPreKey: [32]byte{3}, SignedID: 1,
				Signature: b(64), AdvSecret: b(32), Details: b(2), AccountSignature: b(64), AccountKey: b(32), DeviceSignature: b(64),
			}
			err := a.Check()
			if f, ok := errors.AsType[*fault.Error](err); tc.refused != ok || ok && (f.Kind != fault.TooLarge || f.Field != "file" || f.Code != "account_too_large") || !ok && err != nil {
				t.Errorf("Check returned %v, refused should be %v", err, tc.refused)
			}
		})
	}
}

// The parts of an account are the account, each is small, and they are counted together.
func TestPartsAreTheWhole(t *testing.T) {
	a := Account{Device: Device{JID: "1:1@s.whatsapp.net"}, Salt: []byte{1}, SharedPairs: true, Pairs: []Pair{{"1", "2"}}, PreKeys: []PreKey{{ID: 1}}}
	for i := range 3*partRows + 1 {
		a.Sessions = append(a.Sessions, Session{strconv.Itoa(i), []byte{1}})
		a.Secrets = append(a.Secrets, Secret{"c", "s", strconv.Itoa(i), []byte{1}})
	}
	for i := range 4 {
		a.Sent = append(a.Sent, Sent{Chat: "c", ID: strconv.Itoa(i), Plaintext: make([]byte, partBytes)})
	}
	a.Collections = []Collection{{Name: "x", Macs: make([]Mac, 2)}, {Name: "y"}}
	var got Account
	var tally, whole Tally
	for part := range a.Parts() {
		if rows := len(part.Sessions) + len(part.Secrets); rows > partRows || len(part.Sent) > 1 {
			t.Errorf("a part has %d rows, and %d large ones", rows, len(part.Sent))
		}
		if part.Device.JID != "" {
			got.Device, got.Salt, got.PreKeys, got.SharedPairs = part.Device, part.Salt, part.PreKeys, part.SharedPairs
		}
		if len(part.Pairs) > 0 && !part.SharedPairs {
			t.Error("pairs forget that they are shared")
		}
		got.Pairs, got.Sessions = append(got.Pairs, part.Pairs...), append(got.Sessions, part.Sessions...)
		got.Secrets, got.Sent, got.Collections = append(got.Secrets, part.Secrets...), append(got.Sent, part.Sent...), append(got.Collections, part.Collections...)
		if err := tally.Add(part); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(got, a) {
		t.Error("the parts are not the whole")
	}
	if err := whole.Add(&a); err != nil || tally != whole {
		t.Errorf("counted in parts: %v, as a whole: %v, %v", tally, whole, err)
	}
}
