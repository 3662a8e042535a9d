package compose

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/phone"
)

// The forms of an address.
const (
	formPN  = "pn"
	formLID = "lid"
)

// base is what the server would say of the message.
func (l *letter) base() waBinary.Attrs {
	attrs := waBinary.Attrs{"id": l.id, "t": l.at, "type": l.marks.Type, "notify": l.sender.Phone().PushName()}
	if l.marks.Edit != "" {
		attrs["edit"] = l.marks.Edit
	}
	switch {
	case l.to.Server == types.NewsletterServer:
		delete(attrs, "notify")
		attrs["from"] = l.to
	case l.shared():
		l.name(attrs, "participant", "participant", l.form(l.groupMode))
		attrs["from"] = l.to
		if l.to.Server == types.GroupServer {
			attrs["addressing_mode"] = l.form(l.groupMode)
		}
	case l.own:
		form := l.form(formLID)
		attrs["from"] = l.senderJID(form)
		l.nameRecipient(attrs, form)
	default:
		l.name(attrs, "from", "sender", l.form(l.directMode))
	}
	return attrs
}

func (l *letter) form(otherwise string) string {
	if l.envelope.Addressing != "" {
		return l.envelope.Addressing
	}
	return otherwise
}

func (l *letter) senderJID(form string) types.JID {
	jid := l.sender.LID()
	if form == formPN {
		jid = l.sender.PN()
	}
	jid.Device = l.as
	return jid
}

// name sets the sender in a form, and the other form beside it.
func (l *letter) name(attrs waBinary.Attrs, key, prefix, form string) {
	attrs[key] = l.senderJID(form)
	if form == formPN {
		attrs[prefix+"_lid"] = l.sender.LID()
	} else {
		attrs[prefix+"_pn"] = l.sender.PN()
	}
}

// nameRecipient sets whom an own message went to.
func (l *letter) nameRecipient(attrs waBinary.Attrs, form string) {
	if l.envelope.RecipientAddressing != "" {
		form = l.envelope.RecipientAddressing
	}
	if l.recipient == nil {
		attrs["recipient"] = l.to.ToNonAD()
		return
	}
	if form == formPN {
		attrs["recipient"], attrs["peer_recipient_lid"] = l.recipient.PN(), l.recipient.LID()
	} else {
		attrs["recipient"], attrs["peer_recipient_pn"] = l.recipient.LID(), l.recipient.PN()
	}
}

// write makes the stanza around the sealed elements.
func (l *letter) write() (waBinary.Node, error) {
	e := &l.envelope
	attrs := l.base()
	if e.PushName != nil {
		attrs["notify"] = *e.PushName
	}
	for key, value := range map[string]string{
		"type": e.Type, "category": e.Category, "edit": e.Edit, "offline": e.Offline,
	} {
		if value != "" {
			attrs[key] = value
		}
	}
	left := maxElements
	if err := overlay("envelope.attributes", attrs, e.Attributes, &left); err != nil {
		return waBinary.Node{}, err
	}
	children, err := elements("envelope.children", e.Children, &left, maxNesting)
	if err != nil {
		return waBinary.Node{}, err
	}
	for key, value := range attrs {
		if value == "" {
			delete(attrs, key) // nothing to say
		}
	}
	return waBinary.Node{Tag: "message", Attrs: attrs, Content: children}, nil
}

// encAttrs are set on every sealed element; nil takes one away.
func encAttrs(marks phone.Marks, given map[string]any) (waBinary.Attrs, []string, error) {
	attrs := waBinary.Attrs{}
	if marks.MediaType != "" {
		attrs["mediatype"] = marks.MediaType
	}
	if marks.Hide {
		attrs["decrypt-fail"] = "hide"
	}
	left := maxElements
	if err := overlay("envelope.enc", attrs, given, &left); err != nil {
		return nil, nil, err
	}
	var gone []string
	for key, value := range given {
		if value == nil {
			gone = append(gone, key)
		}
	}
	return attrs, gone, nil
}

// mark sets the attributes of the sealed elements.
func (l *letter) mark(enc []waBinary.Node) []waBinary.Node {
	marked := slices.Clone(enc)
	for i, node := range marked {
		// What only hands over a key has none: the last element is the message.
		if i < len(marked)-1 {
			continue
		}
		node.Attrs = maps.Clone(node.Attrs)
		maps.Copy(node.Attrs, l.enc)
		for _, key := range l.encGone {
			delete(node.Attrs, key)
		}
		marked[i] = node
	}
	return marked
}

// overlay sets attributes as JSON gives them.
func overlay(field string, attrs waBinary.Attrs, given map[string]any, left *int) error {
	for key, value := range given {
		if *left--; *left < 0 {
			return wrong(field, "more than %d attributes and children", maxElements)
		}
		name := field + "." + key
		if key == "" || len(key) > maxText {
			return wrong(field, "an attribute needs a name of at most %d bytes", maxText)
		}
		switch v := value.(type) {
		case nil:
			delete(attrs, key)
		case bool:
			attrs[key] = strconv.FormatBool(v)
		case float64:
			attrs[key] = strconv.FormatFloat(v, 'f', -1, 64)
		case string:
			if len(v) > maxText {
				return wrong(name, "%d bytes, and %d is the most", len(v), maxText)
			}
			attrs[key] = v
			if !strings.Contains(v, "@") {
				continue
			}
			jid, err := types.ParseJID(v)
			if err != nil {
				return wrong(name, "%.40q is no JID", v)
			}
			attrs[key] = jid
		default:
			return wrong(name, "is neither a text, a number, true, false nor null")
		}
	}
	return nil
}

func elements(field string, given []Element, left *int, depth int) ([]waBinary.Node, error) {
	if len(given) > 0 && depth == 0 {
		return nil, wrong(field, "nested deeper than %d", maxNesting)
	}
	var nodes []waBinary.Node
	for i, e := range given {
		name := fmt.Sprintf("%s[%d]", field, i)
		if *left--; *left < 0 {
			return nil, wrong(field, "more than %d attributes and children", maxElements)
		}
		if e.Tag == "" || len(e.Tag) > maxText {
			return nil, wrong(name+".tag", "needs a name of at most %d bytes", maxText)
		}
		node := waBinary.Node{Tag: e.Tag, Attrs: waBinary.Attrs{}}
		if err := overlay(name+".attributes", node.Attrs, e.Attributes, left); err != nil {
			return nil, err
		}
		inside, err := elements(name+".children", e.Children, left, depth-1)
		if err != nil {
			return nil, err
		}
		switch {
		case len(inside) > 0 && (e.Text != "" || e.Base64 != nil), e.Text != "" && e.Base64 != nil:
			return nil, wrong(name, "has more than one of text, base64 and children")
		case len(inside) > 0:
			node.Content = inside
		case e.Base64 != nil:
			node.Content = e.Base64
		case e.Text != "":
			node.Content = []byte(e.Text)
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}
