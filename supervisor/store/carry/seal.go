package carry

import (
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/seal"
	"whatsapp-manager/supervisor/moving"
)

// sealedDevice seals a device in place, as worker/sealedstore would.
func sealedDevice(d *moving.Device, s *seal.Device) {
	d.AdvSecret = s.SealKeys(seal.DeviceKeys{Noise: d.Noise, Identity: d.Identity, SignedPreKey: d.SignedPreKey, Adv: d.AdvSecret})
	d.Noise, d.Identity, d.SignedPreKey = [32]byte{}, [32]byte{}, [32]byte{}
	d.LID = seal.MarkLID(d.LID)
}

// sealed does the same with all but the device.
func sealed(a *moving.Account, s *seal.Device) {
	for i, k := range a.PreKeys {
		a.PreKeys[i].Private = s.SealPreKey(k.ID, k.Private)
	}
	for _, v := range valuesOf(a) {
		*v.value = s.Seal(v.table, *v.value, v.bind...)
	}
}

// opened opens an account in place. A device that does not open is an error; another value
// that does not is dropped and counted, for it is lost here, too.
func opened(a *moving.Account, s *seal.Device) (dropped int, err error) {
	d := &a.Device
	by, is := seal.KeyOf(d.AdvSecret)
	if !is {
		return 0, nil
	}
	cannot := func(err error) error {
		return fault.Wrap(fault.Conflict, "carry.Out", err, "the keys of the account cannot be opened with this server's secret key")
	}
	if s == nil {
		return 0, cannot(seal.ErrUnknown)
	}
	own, err := s.OpenKeys(d.AdvSecret)
	if err != nil {
		return 0, cannot(err)
	}
	d.Noise, d.Identity, d.SignedPreKey, d.AdvSecret = own.Noise, own.Identity, own.SignedPreKey, own.Adv
	d.LID = seal.UnmarkLID(d.LID)
	for i, k := range a.PreKeys {
		private, ok := s.OpenPreKey(by, k.ID, k.Private)
		if !ok {
			return 0, cannot(seal.ErrUnknown)
		}
		a.PreKeys[i].Private = private
	}
	for _, v := range valuesOf(a) {
		if *v.value == nil {
			continue
		}
		value, err := s.Open(v.table, *v.value, v.bind...)
		if err != nil {
			value, dropped = nil, dropped+1
		}
		*v.value = value
	}
	drop(a)
	return dropped, nil
}

// value is a sealed one, with where it stands.
type value struct {
	table string
	value *[]byte
	bind  []string
}

// valuesOf returns all values that seal.Columns names.
func valuesOf(a *moving.Account) (all []value) {
	for i := range a.Sessions {
		all = append(all, value{"whatsmeow_sessions", &a.Sessions[i].Record, nil})
	}
	for i, s := range a.SenderKeys {
		all = append(all, value{"whatsmeow_sender_keys", &a.SenderKeys[i].Record, []string{s.Group}})
	}
	for i := range a.SyncKeys {
		all = append(all, value{"whatsmeow_app_state_sync_keys", &a.SyncKeys[i].Data, nil})
	}
	for i, s := range a.Secrets {
		all = append(all, value{"whatsmeow_message_secrets", &a.Secrets[i].Key, []string{s.ID}})
	}
	for i := range a.Tokens {
		all = append(all, value{"whatsmeow_privacy_tokens", &a.Tokens[i].Token, nil})
	}
	if a.Salt != nil {
		all = append(all, value{"whatsmeow_nct_salt", &a.Salt, nil})
	}
	for i, r := range a.Received {
		all = append(all, value{"whatsmeow_event_buffer", &a.Received[i].Plaintext, []string{string(r.Hash)}})
	}
	for i, s := range a.Sent {
		all = append(all, value{"whatsmeow_retry_buffer", &a.Sent[i].Plaintext, []string{s.ID}})
	}
	return all
}
