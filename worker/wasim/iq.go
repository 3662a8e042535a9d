package wasim

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// origin is who sent a stanza: a companion over its connection, or a phone
// (number 0, no session).
type origin struct {
	account *Account
	number  uint16
	session *session
}

// reply answers the sender; a phone gets it through Receive. Answers are not
// queued: a client that lost its connection asks again.
func (o origin) reply(node waBinary.Node) {
	if o.session != nil {
		o.session.conn.Send(node)
		return
	}
	o.account.phone.Receive(node)
}

// device is the sending companion; nil for a phone.
func (o origin) device() *Device {
	if o.session == nil {
		return nil
	}
	return o.session.device
}

func (o origin) jid(server string) types.JID { return o.account.jid(server, o.number) }

// iqError is an iq's refusal.
type iqError struct {
	code int
	text string
}

var (
	errBadRequest    = &iqError{400, "bad-request"}
	errNotAuthorized = &iqError{401, "not-authorized"}
	errForbidden     = &iqError{403, "forbidden"}
	errNotFound      = &iqError{404, "item-not-found"}
	errNotAcceptable = &iqError{406, "not-acceptable"}
	errConflict      = &iqError{409, "conflict"}
	errGone          = &iqError{410, "gone"}
)

// iqErrorText is the text that belongs to a code; clients compare both.
func iqErrorText(code int) string {
	switch code {
	case 400:
		return "bad-request"
	case 401:
		return "not-authorized"
	case 403:
		return "forbidden"
	case 404:
		return "item-not-found"
	case 405:
		return "not-allowed"
	case 406:
		return "not-acceptable"
	case 409:
		return "conflict"
	case 410:
		return "gone"
	case 419:
		return "resource-limit"
	case 423:
		return "locked"
	case 429:
		return "rate-overlimit"
	case 500:
		return "internal-server-error"
	case 503:
		return "service-unavailable"
	case 530:
		return "partial-server-error"
	}
	return "error"
}

// iqHandler answers one namespace: the children of the result, or an error.
type iqHandler func(s *Server, from origin, iq *waBinary.Node) ([]waBinary.Node, *iqError)

var iqHandlers map[string]iqHandler

func init() {
	iqHandlers = map[string]iqHandler{
		"encrypt":           (*Server).iqEncrypt,
		"passive":           (*Server).iqPassive,
		"usync":             (*Server).iqUsync,
		"w:g2":              (*Server).iqGroup,
		"w:sync:app:state":  (*Server).iqAppState,
		"w:m":               (*Server).iqMedia,
		"w:p":               (*Server).iqPing,
		"w:profile:picture": (*Server).iqPicture,
		"w:mex":             (*Server).iqMex,
		"privacy":           (*Server).iqPrivacy,
		"blocklist":         (*Server).iqBlocklist,
		"status":            (*Server).iqStatus,
		"md":                (*Server).iqMultiDevice,
		"abt":               (*Server).iqProps,
		"newsletter":        (*Server).iqNewsletter,
		"fb:thrift_iq":      (*Server).iqOrder,
		"w:biz:catalog":     (*Server).iqCatalogue,
	}
}

func (s *Server) handleIQ(from origin, iq *waBinary.Node) {
	namespace, _ := iq.Attrs["xmlns"].(string)
	if refused := from.takeIQError(namespace); refused != nil {
		from.reply(failure(iq, refused))
		return
	}
	handler := iqHandlers[namespace]
	if handler == nil {
		s.unknown.add(namespace)
		from.reply(result(iq))
		return
	}
	content, refused := handler(s, from, iq)
	if refused != nil {
		s.Log.Debug().Str("xmlns", namespace).Int("code", refused.code).Msg("request refused")
		from.reply(failure(iq, refused))
		return
	}
	from.reply(result(iq, content...))
	if namespace == "passive" {
		s.activate(from, iq)
	}
}

// result is the answer to an iq; without children it has no content at all.
func result(iq *waBinary.Node, content ...waBinary.Node) waBinary.Node {
	answer := waBinary.Node{Tag: "iq", Attrs: answerAttrs(iq, "result")}
	if len(content) > 0 {
		answer.Content = content
	}
	return answer
}

func failure(iq *waBinary.Node, refused *iqError) waBinary.Node {
	return waBinary.Node{Tag: "iq", Attrs: answerAttrs(iq, "error"), Content: []waBinary.Node{{
		Tag: "error", Attrs: waBinary.Attrs{"code": refused.code, "text": refused.text},
	}}}
}

func answerAttrs(iq *waBinary.Node, kind string) waBinary.Attrs {
	from, ok := iq.Attrs["to"].(types.JID)
	if !ok {
		from = types.ServerJID
	}
	return waBinary.Attrs{"type": kind, "id": iq.Attrs["id"], "from": from}
}

// first is the iq's first child; its zero value when there is none.
func first(iq *waBinary.Node) waBinary.Node {
	if children := iq.GetChildren(); len(children) > 0 {
		return children[0]
	}
	return waBinary.Node{}
}

func (s *Server) iqPing(origin, *waBinary.Node) ([]waBinary.Node, *iqError) { return nil, nil }

// iqPassive answers active and passive; what active sets off follows its answer.
func (s *Server) iqPassive(origin, *waBinary.Node) ([]waBinary.Node, *iqError) { return nil, nil }

func (s *Server) activate(from origin, iq *waBinary.Node) {
	device := from.device()
	if device == nil || first(iq).Tag != "active" {
		return
	}
	booting := device.activate(from.session)
	from.account.phone.CompanionOnline(device.LID(), booting)
}

// iqProps answers Baileys' query of server-side switches with an empty set.
func (s *Server) iqProps(origin, *waBinary.Node) ([]waBinary.Node, *iqError) {
	return []waBinary.Node{{Tag: "props", Attrs: waBinary.Attrs{"hash": "sim"}}}, nil
}

// iqMultiDevice lets a companion unlink itself.
func (s *Server) iqMultiDevice(from origin, iq *waBinary.Node) ([]waBinary.Node, *iqError) {
	device := from.device()
	if first(iq).Tag != "remove-companion-device" || device == nil {
		return nil, nil
	}
	device.remove()
	from.session.closeSoon()
	return nil, nil
}
