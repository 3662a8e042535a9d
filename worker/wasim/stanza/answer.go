package stanza

import (
	"maps"
	"slices"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Result is the answer to an iq; without children it has no content at all.
func Result(iq *waBinary.Node, content ...waBinary.Node) waBinary.Node {
	answer := waBinary.Node{Tag: "iq", Attrs: answerAttrs(iq, "result")}
	if len(content) > 0 {
		answer.Content = content
	}
	return answer
}

// Failure is the answer to an iq that is refused.
func Failure(iq *waBinary.Node, refused *Error) waBinary.Node {
	return waBinary.Node{Tag: "iq", Attrs: answerAttrs(iq, "error"), Content: []waBinary.Node{{
		Tag: "error", Attrs: waBinary.Attrs{"code": refused.Code, "text": refused.Text},
	}}}
}

func answerAttrs(iq *waBinary.Node, kind string) waBinary.Attrs {
	from, ok := iq.Attrs["to"].(types.JID)
	if !ok {
		from = types.ServerJID
	}
	return waBinary.Attrs{"type": kind, "id": iq.Attrs["id"], "from": from}
}

// Ack acknowledges a client's stanza.
func Ack(class string, node waBinary.Node, extra waBinary.Attrs) waBinary.Node {
	attrs := waBinary.Attrs{"class": class, "id": node.Attrs["id"], "from": node.Attrs["to"], "t": time.Now().Unix()}
	maps.Copy(attrs, extra)
	return waBinary.Node{Tag: "ack", Attrs: attrs}
}

// Copy begins the copy of a sent message that a receiver gets, under the sender's
// JID and push name. It has no content yet.
func Copy(sent waBinary.Node, sender types.JID, pushName string) waBinary.Node {
	attrs := waBinary.Attrs{
		"id":     sent.Attrs["id"],
		"type":   sent.Attrs["type"],
		"from":   sender,
		"t":      time.Now().Unix(),
		"notify": pushName,
	}
	if edit, ok := sent.Attrs["edit"]; ok {
		attrs["edit"] = edit
	}
	return waBinary.Node{Tag: "message", Attrs: attrs}
}

// CopyContent is the content of a copy: the ciphertexts for this receiver, those
// for everybody, and the children of the sent message that travel with each copy.
func CopyContent(sent waBinary.Node, own, shared []waBinary.Node) []waBinary.Node {
	content := slices.Concat(own, shared)
	for _, child := range sent.GetChildren() {
		switch child.Tag {
		case "device-identity", "meta", "biz", "bot", "reporting":
			content = append(content, child)
		}
	}
	return content
}

// Ciphertexts are those of a sent message that are not meant for one device.
func Ciphertexts(sent waBinary.Node) []waBinary.Node { return sent.GetChildrenByTag("enc") }
