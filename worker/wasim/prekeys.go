package wasim

import (
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/util/optional"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/types"
)

// prekeys is a companion's public key material. One-time keys lie flat, since
// there are 812 of them per device: id (3 bytes) then key (32 bytes).
type prekeys struct {
	registration []byte // 4
	identity     []byte // 32
	signedID     []byte // 3
	signedKey    []byte // 32
	signature    []byte // 64
	oneTime      []byte
	warned       bool
}

const (
	oneTimeSize = 3 + 32
	// lowPrekeys is where clients upload more when told.
	lowPrekeys = 5
)

// register takes the keys of the registration payload, so that the device can
// be written to before its first upload.
func (k *prekeys) register(data *waWa6.ClientPayload_DevicePairingRegistrationData) {
	k.registration = data.GetERegid()
	k.identity = data.GetEIdent()
	k.signedID = data.GetESkeyID()
	k.signedKey = data.GetESkeyVal()
	k.signature = data.GetESkeySig()
}

func (s *Server) iqEncrypt(from origin, iq *waBinary.Node) ([]waBinary.Node, *iqError) {
	device := from.device()
	child := first(iq)
	if child.Tag == "key" {
		return s.bundles(child), nil
	}
	if device == nil {
		return nil, errBadRequest
	}
	switch child.Tag {
	case "count":
		return []waBinary.Node{{Tag: "count", Attrs: waBinary.Attrs{"value": device.prekeyCount()}}}, nil
	case "digest":
		return device.digest()
	case "rotate":
		device.keysMu.Lock()
		defer device.keysMu.Unlock()
		return nil, device.keys.setSigned(child.GetChildByTag("skey"))
	default:
		return nil, device.upload(iq)
	}
}

func (d *Device) prekeyCount() int {
	d.keysMu.Lock()
	defer d.keysMu.Unlock()
	return len(d.keys.oneTime) / oneTimeSize
}

func (d *Device) upload(iq *waBinary.Node) *iqError {
	d.keysMu.Lock()
	defer d.keysMu.Unlock()
	skey, ok := iq.GetOptionalChildByTag("skey")
	if !ok {
		return errBadRequest
	}
	if err := d.keys.setSigned(skey); err != nil {
		return err
	}
	registration, identity := iq.GetChildByTag("registration"), iq.GetChildByTag("identity")
	if raw, _ := registration.Content.([]byte); len(raw) == 4 {
		d.keys.registration = raw
	}
	if raw, _ := identity.Content.([]byte); len(raw) == 32 {
		d.keys.identity = raw
	}
	list := iq.GetChildByTag("list")
	for _, key := range list.GetChildren() {
		id, value := key.GetChildByTag("id"), key.GetChildByTag("value")
		rawID, _ := id.Content.([]byte)
		rawValue, _ := value.Content.([]byte)
		if len(rawID) != 3 || len(rawValue) != 32 {
			return errNotAcceptable
		}
		d.keys.oneTime = append(append(d.keys.oneTime, rawID...), rawValue...)
	}
	d.keys.warned = false
	return nil
}

func (k *prekeys) setSigned(skey waBinary.Node) *iqError {
	id, value, signature := skey.GetChildByTag("id"), skey.GetChildByTag("value"), skey.GetChildByTag("signature")
	rawID, _ := id.Content.([]byte)
	rawValue, _ := value.Content.([]byte)
	rawSignature, _ := signature.Content.([]byte)
	if len(rawID) != 3 || len(rawValue) != 32 || len(rawSignature) != 64 {
		return errNotAcceptable
	}
	k.signedID, k.signedKey, k.signature = rawID, rawValue, rawSignature
	return nil
}

// digest describes what the server holds, so that Baileys need not upload again.
// The order of the hashed parts is a guess.
func (d *Device) digest() ([]waBinary.Node, *iqError) {
	d.keysMu.Lock()
	defer d.keysMu.Unlock()
	k := &d.keys
	if len(k.oneTime) == 0 {
		return nil, errNotFound
	}
	hash := sha1.New()
	hash.Write(k.identity)
	hash.Write(k.signedKey)
	hash.Write(k.signature)
	ids := make([]waBinary.Node, 0, len(k.oneTime)/oneTimeSize)
	for rest := k.oneTime; len(rest) > 0; rest = rest[oneTimeSize:] {
		ids = append(ids, waBinary.Node{Tag: "id", Content: rest[:3:3]})
		hash.Write(rest[3:oneTimeSize])
	}
	return []waBinary.Node{{Tag: "digest", Content: []waBinary.Node{
		{Tag: "registration", Content: k.registration},
		{Tag: "type", Content: []byte{ecc.DjbType}},
		{Tag: "identity", Content: k.identity},
		k.skey(),
		{Tag: "list", Content: ids},
		{Tag: "hash", Content: hash.Sum(nil)},
	}}}, nil
}

func (k *prekeys) skey() waBinary.Node {
	return waBinary.Node{Tag: "skey", Content: []waBinary.Node{
		{Tag: "id", Content: k.signedID}, {Tag: "value", Content: k.signedKey}, {Tag: "signature", Content: k.signature},
	}}
}

// handOut takes the device's keys for one new session, a one-time key included
// while there are any; each is given away once.
func (d *Device) handOut() (keys prekeys, oneTime []byte) {
	d.keysMu.Lock()
	keys = d.keys
	if len(d.keys.oneTime) > 0 {
		oneTime = d.keys.oneTime[:oneTimeSize:oneTimeSize]
		d.keys.oneTime = d.keys.oneTime[oneTimeSize:]
	}
	left := len(d.keys.oneTime) / oneTimeSize
	warn := left < lowPrekeys && !d.keys.warned
	if warn {
		d.keys.warned = true
	}
	d.keysMu.Unlock()
	if warn {
		d.deliver(waBinary.Node{
			Tag:     "notification",
			Attrs:   waBinary.Attrs{"from": types.ServerJID, "type": "encrypt", "id": d.account.server.nextID(), "t": time.Now().Unix()},
			Content: []waBinary.Node{{Tag: "count", Attrs: waBinary.Attrs{"value": left}}},
		})
	}
	return keys, oneTime
}

// bundles answers a key query; each user element repeats the JID exactly as asked.
func (s *Server) bundles(query waBinary.Node) []waBinary.Node {
	var users []waBinary.Node
	for _, user := range query.GetChildren() {
		jid, ok := user.Attrs["jid"].(types.JID)
		if !ok {
			continue
		}
		content, err := s.bundleNode(jid)
		if err != nil {
			content = []waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{"code": 404, "text": "item-not-found"}}}
		}
		users = append(users, waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid}, Content: content})
	}
	return []waBinary.Node{{Tag: "list", Content: users}}
}

func (s *Server) bundleNode(jid types.JID) ([]waBinary.Node, error) {
	account := s.account(jid)
	if account == nil {
		return nil, ErrNoAccount
	}
	if jid.Device == 0 {
		bundle, err := account.phone.Bundle()
		if err != nil {
			return nil, err
		}
		identity := bundle.IdentityKey().PublicKey().PublicKey()
		signed := bundle.SignedPreKey().PublicKey()
		signature := bundle.SignedPreKeySignature()
		keys := prekeys{
			registration: binary.BigEndian.AppendUint32(nil, bundle.RegistrationID()),
			identity:     identity[:],
			signedID:     binary.BigEndian.AppendUint32(nil, bundle.SignedPreKeyID())[1:],
			signedKey:    signed[:],
			signature:    signature[:],
		}
		return keys.node(nil), nil
	}
	device := account.Device(jid.Device)
	if device == nil {
		return nil, errors.New("no such device")
	}
	keys, oneTime := device.handOut()
	return keys.node(oneTime), nil
}

func (k *prekeys) node(oneTime []byte) []waBinary.Node {
	content := []waBinary.Node{
		{Tag: "registration", Content: k.registration},
		{Tag: "type", Content: []byte{ecc.DjbType}},
		{Tag: "identity", Content: k.identity},
		k.skey(),
	}
	if oneTime != nil {
		content = append(content, waBinary.Node{Tag: "key", Content: []waBinary.Node{
			{Tag: "id", Content: oneTime[:3]}, {Tag: "value", Content: oneTime[3:]},
		}})
	}
	return content
}

// bundle is handOut in libsignal's form, for phones.
func (d *Device) bundle() (*prekey.Bundle, error) {
	keys, oneTime := d.handOut()
	if len(keys.registration) != 4 || len(keys.identity) != 32 || len(keys.signedID) != 3 || len(keys.signedKey) != 32 || len(keys.signature) != 64 {
		return nil, fmt.Errorf("device %s has incomplete keys", d.LID())
	}
	id, public := optional.NewEmptyUint32(), ecc.ECPublicKeyable(nil)
	if oneTime != nil {
		id = optional.NewOptionalUint32(uint24(oneTime))
		public = ecc.NewDjbECPublicKey([32]byte(oneTime[3:]))
	}
	return prekey.NewBundle(
		binary.BigEndian.Uint32(keys.registration), uint32(d.number), id, uint24(keys.signedID),
		public, ecc.NewDjbECPublicKey([32]byte(keys.signedKey)), [64]byte(keys.signature),
		identity.NewKey(ecc.NewDjbECPublicKey([32]byte(keys.identity))),
	), nil
}

func uint24(raw []byte) uint32 { return uint32(raw[0])<<16 | uint32(raw[1])<<8 | uint32(raw[2]) }
