package wasim

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/stanza"
	"whatsapp-manager/worker/wasim/user"
)

// origin is who sent a stanza: a companion over its connection, or a phone
// (number 0, no connection).
type origin struct {
	account    *Account
	number     uint16
	connection *connection
}

// reply answers the sender; a phone gets it through Receive. Answers are not
// queued: a client that lost its connection asks again.
func (o origin) reply(node waBinary.Node) {
	if o.connection != nil {
		o.connection.conn.Send(node)
		return
	}
	o.account.phone.Receive(node)
}

// device is the sending companion; nil for a phone.
func (o origin) device() *Device {
	if o.connection == nil {
		return nil
	}
	return o.connection.device
}

// sender names the device.
func (o origin) sender() user.Device { return user.Device{User: o.account.user, Number: o.number} }

// JID is the device in the form of a JID server.
func (o origin) JID(server string) types.JID { return o.account.user.JID(server, o.number) }

// takeIQError uses up a planned error of a companion's request; nil when there is none.
func (o origin) takeIQError(namespace string) *stanza.Error {
	if o.connection == nil {
		return nil
	}
	if code := o.faults().TakeIQ(namespace); code != 0 {
		return stanza.Refuse(code)
	}
	return nil
}

// iqHandler answers one namespace: the children of the result, or an error.
type iqHandler func(r *router, from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error)

var iqHandlers map[string]iqHandler

func init() {
	iqHandlers = map[string]iqHandler{
		"encrypt":           (*router).iqEncrypt,
		"passive":           (*router).iqPassive,
		"usync":             (*router).iqUsync,
		"w:g2":              (*router).iqGroup,
		"w:sync:app:state":  (*router).iqAppState,
		"w:m":               (*router).iqMedia,
		"w:p":               (*router).iqPing,
		"w:profile:picture": (*router).iqPicture,
		"w:mex":             (*router).iqMex,
		"privacy":           (*router).iqPrivacy,
		"disappearing_mode": (*router).iqDisappearingMode,
		"blocklist":         (*router).iqBlocklist,
		"status":            (*router).iqStatus,
		"md":                (*router).iqMultiDevice,
		"abt":               (*router).iqProps,
		"newsletter":        (*router).iqNewsletter,
		"fb:thrift_iq":      (*router).iqOrder,
		"w:biz:catalog":     (*router).iqCatalogue,
	}
}

func (r *router) handleIQ(from origin, iq *waBinary.Node) {
	namespace, _ := iq.Attrs["xmlns"].(string)
	if refused := from.takeIQError(namespace); refused != nil {
		from.reply(stanza.Failure(iq, refused))
		return
	}
	handler := iqHandlers[namespace]
	if handler == nil {
		r.unknown.add(namespace)
		from.reply(stanza.Result(iq))
		return
	}
	content, refused := handler(r, from, iq)
	if refused != nil {
		r.server.Log.Debug().Str("xmlns", namespace).Int("code", refused.Code).Msg("request refused")
		from.reply(stanza.Failure(iq, refused))
		return
	}
	from.reply(stanza.Result(iq, content...))
	if namespace == "passive" {
		r.activate(from, iq)
	}
}

func (r *router) iqPing(origin, *waBinary.Node) ([]waBinary.Node, *stanza.Error) { return nil, nil }

// iqPassive answers active and passive. handleIQ activates the device after the
// answer.
func (r *router) iqPassive(origin, *waBinary.Node) ([]waBinary.Node, *stanza.Error) { return nil, nil }

func (r *router) activate(from origin, iq *waBinary.Node) {
	device := from.device()
	if device == nil || stanza.First(iq).Tag != "active" {
		return
	}
	booting := device.activate(from.connection)
	from.account.phone.CompanionOnline(device.LID(), booting)
}

// iqProps answers Baileys' query of server-side switches with an empty set.
func (r *router) iqProps(origin, *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	return []waBinary.Node{{Tag: "props", Attrs: waBinary.Attrs{"hash": "sim"}}}, nil
}

// iqMultiDevice lets a companion unlink itself.
func (r *router) iqMultiDevice(from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	device := from.device()
	if stanza.First(iq).Tag != "remove-companion-device" || device == nil {
		return nil, nil
	}
	device.remove()
	from.connection.closeSoon()
	return nil, nil
}

func (r *router) iqGroup(from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	return r.groups.Answer(from.sender(), iq, r.server.GroupsByPhoneNumber)
}

func (r *router) iqNewsletter(_ origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	return r.channels.Answer(iq)
}

func (r *router) iqOrder(from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	return from.account.shop.AnswerOrder(stanza.First(iq))
}

func (r *router) iqCatalogue(_ origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	asked := stanza.First(iq)
	jid, _ := asked.Attrs["jid"].(types.JID)
	a := r.account(jid)
	if a == nil {
		return nil, stanza.ErrNotFound
	}
	return a.shop.AnswerCatalogue(asked), nil
}
