package moving

import (
	"errors"
	"strconv"
	"testing"

	"whatsapp-manager/proto/fault"
)

// An account is in memory as a whole, and one transaction writes it: all of it together has
// a bound, not only each value.
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
	for _, tc := range []struct {
		name    string
		with    Account
		refused bool
	}{
		{"large values", Account{Sent: sent(15, 4<<20)}, false},
		{"too many large values", Account{Sent: sent(17, 4<<20)}, true},
		{"many rows", Account{Sent: sent(150_000, 1)}, false},
		{"too many rows", Account{Sent: sent(200_001, 1)}, true},
		{"too many MACs", Account{Collections: []Collection{{Name: "regular", Hash: b(128), Macs: macs(200_001)}}}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := tc.with
			a.Device = Device{
				JID: "4915112345678:3@s.whatsapp.net", RegistrationID: 1, Noise: [32]byte{1}, Identity: [32]byte{2}, SignedPreKey: [32]byte{3}, SignedID: 1,
				Signature: b(64), AdvSecret: b(32), Details: b(2), AccountSignature: b(64), AccountKey: b(32), DeviceSignature: b(64),
			}
			err := a.Check()
			if f, ok := errors.AsType[*fault.Error](err); tc.refused != ok || ok && (f.Kind != fault.Invalid || f.Field != "file") || !ok && err != nil {
				t.Errorf("Check returned %v, refused should be %v", err, tc.refused)
			}
		})
	}
}
