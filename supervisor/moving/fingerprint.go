package moving

import "google.golang.org/protobuf/encoding/protowire"

// Fingerprint says for which devices a key of the app state was made. In an account it
// stands as WhatsApp's message AppStateSyncKeyFingerprint.
type Fingerprint struct {
	RawID, CurrentIndex uint32
	DeviceIndexes       []uint32
}

// Bytes writes the message.
func (f Fingerprint) Bytes() []byte {
	var b []byte
	b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.VarintType), uint64(f.RawID))
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(f.CurrentIndex))
	var packed []byte
	for _, n := range f.DeviceIndexes {
		packed = protowire.AppendVarint(packed, uint64(n))
	}
	return protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), packed)
}

// ParseFingerprint reads the message. False when it is damaged.
func ParseFingerprint(b []byte) (f Fingerprint, ok bool) {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return f, false
		}
		b = b[n:]
		switch {
		case kind == protowire.VarintType && field <= 3:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return f, false
			}
			b = b[n:]
			switch field {
			case 1:
				f.RawID = uint32(v)
			case 2:
				f.CurrentIndex = uint32(v)
			default:
				f.DeviceIndexes = append(f.DeviceIndexes, uint32(v))
			}
		case kind == protowire.BytesType && field == 3:
			packed, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return f, false
			}
			b = b[n:]
			for len(packed) > 0 {
				v, n := protowire.ConsumeVarint(packed)
				if n < 0 {
					return f, false
				}
				f.DeviceIndexes, packed = append(f.DeviceIndexes, uint32(v)), packed[n:]
			}
		default:
			n := protowire.ConsumeFieldValue(field, kind, b)
			if n < 0 {
				return f, false
			}
			b = b[n:]
		}
	}
	return f, true
}
