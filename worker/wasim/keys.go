package wasim

import (
	"errors"
	"fmt"
	"time"

	"go.mau.fi/libsignal/keys/prekey"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/prekeys"
	"whatsapp-manager/worker/wasim/stanza"
)

var errNoDevice = errors.New("no such device")

// iqEncrypt answers requests about prekeys.
func (r *router) iqEncrypt(from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	device := from.device()
	child := stanza.First(iq)
	if child.Tag == "key" {
		return r.bundles(child), nil
	}
	if device == nil {
		return nil, stanza.ErrBadRequest
	}
	switch child.Tag {
	case "count":
		return []waBinary.Node{{Tag: "count", Attrs: waBinary.Attrs{"value": device.Prekeys()}}}, nil
	case "digest":
		return device.prekeys.Digest()
	case "rotate":
		return nil, device.prekeys.Rotate(child.GetChildByTag("skey"))
	default:
		return nil, device.prekeys.Upload(iq)
	}
}

// handOutKeys takes the device's keys for one new session, and warns the device
// when few one-time keys are left.
func (d *Device) handOutKeys() prekeys.Bundle {
	bundle, left, warn := d.prekeys.HandOut()
	if warn {
		d.deliver(waBinary.Node{
			Tag: "notification",
			Attrs: waBinary.Attrs{
				"from": types.ServerJID, "type": "encrypt", "id": d.account.server.router.nextID(), "t": time.Now().Unix(),
			},
			Content: []waBinary.Node{{Tag: "count", Attrs: waBinary.Attrs{"value": left}}},
		})
	}
	return bundle
}

// bundles answers a key query; each user element repeats the JID exactly as asked.
func (r *router) bundles(query waBinary.Node) []waBinary.Node {
	var users []waBinary.Node
	for _, user := range query.GetChildren() {
		jid, ok := user.Attrs["jid"].(types.JID)
		if !ok {
			continue
		}
		var content []waBinary.Node
		if bundle, err := r.bundle(jid); err == nil {
			content = bundle.Nodes()
		} else {
			content = []waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{"code": 404, "text": "item-not-found"}}}
		}
		users = append(users, waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid}, Content: content})
	}
	return []waBinary.Node{{Tag: "list", Content: users}}
}

// Bundle gives the keys to open a Signal session with a device. A companion's
// one-time key is used up by it.
func (s *Server) Bundle(jid types.JID) (*prekey.Bundle, error) {
	return s.ready().router.signalBundle(jid)
}

// signalBundle is bundle in libsignal's form.
func (r *router) signalBundle(jid types.JID) (*prekey.Bundle, error) {
	bundle, err := r.bundle(jid)
	if err != nil {
		return nil, fmt.Errorf("bundle of %s: %w", jid, err)
	}
	signal, err := bundle.Signal(jid.Device)
	if err != nil {
		return nil, fmt.Errorf("bundle of %s: %w", jid, err)
	}
	return signal, nil
}

func (r *router) bundle(jid types.JID) (prekeys.Bundle, error) {
	account := r.account(jid)
	if account == nil {
		return prekeys.Bundle{}, ErrNoAccount
	}
	if jid.Device == 0 {
		bundle, err := account.phone.Bundle()
		if err != nil {
			return prekeys.Bundle{}, err
		}
		return prekeys.FromSignal(bundle), nil
	}
	device := account.Device(jid.Device)
	if device == nil {
		return prekeys.Bundle{}, errNoDevice
	}
	return device.handOutKeys(), nil
}
