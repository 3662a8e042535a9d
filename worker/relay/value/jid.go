package value

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow/types"
)

var errJID = errors.New(
	"expected an id like 4915123456789@s.whatsapp.net, 4915123456789@c.us, 120363000000000000@g.us or 123456789@lid",
)

// maxUser bounds the user part of an address; real ones have at most some 30 characters.
const maxUser = 64

// ParseJID reads an address as whatsmeow or as whatsapp-web.js writes it
// (c.us becomes s.whatsapp.net). Unlike types.ParseJID it refuses servers and
// user parts that WhatsApp does not have. A device part is kept.
func ParseJID(text string) (types.JID, error) {
	user, server, found := strings.Cut(text, "@")
	if !found || user == "" || len(user) > maxUser {
		return types.EmptyJID, errJID
	}
	if server == types.LegacyUserServer {
		server = types.DefaultUserServer
	}
	jid := types.JID{User: user, Server: server}
	switch server {
	case types.DefaultUserServer, types.HiddenUserServer, types.HostedServer, types.HostedLIDServer, types.MessengerServer:
		return withDevice(jid)
	case types.GroupServer, types.InteropServer:
		if onlyOf(user, "0123456789-") && user[0] != '-' {
			return jid, nil
		}
	case types.NewsletterServer, types.BotServer:
		if onlyOf(user, "0123456789") {
			return jid, nil
		}
	case types.BroadcastServer:
		if user == types.StatusBroadcastJID.User || onlyOf(user, "0123456789") {
			return jid, nil
		}
	}
	return types.EmptyJID, errJID
}

// withDevice takes user.agent:device apart.
func withDevice(jid types.JID) (types.JID, error) {
	user, device, hasDevice := strings.Cut(jid.User, ":")
	user, agent, hasAgent := strings.Cut(user, ".")
	if !onlyOf(user, "0123456789") {
		return types.EmptyJID, errJID
	}
	jid.User = user
	if hasAgent {
		n, err := strconv.ParseUint(agent, 10, 8)
		if err != nil {
			return types.EmptyJID, errJID
		}
		jid.RawAgent = uint8(n)
	}
	if hasDevice {
		n, err := strconv.ParseUint(device, 10, 16)
		if err != nil {
			return types.EmptyJID, errJID
		}
		jid.Device = uint16(n)
	}
	return jid, nil
}

func onlyOf(s, chars string) bool {
	return s != "" && strings.Trim(s, chars) == ""
}

// JID reads an address from a JSON string, or from the id object of
// whatsapp-web.js ({"_serialized":…}) or an object that has one as its id.
func JID(raw json.RawMessage, path string) (types.JID, error) {
	text, ok := idText(raw)
	if !ok {
		return types.EmptyJID, bad(path, "%s, got %s", errJID, Kind(raw))
	}
	jid, err := ParseJID(text)
	if err != nil {
		return types.EmptyJID, bad(path, "%s", err)
	}
	return jid, nil
}

// idText finds the serialised id in the forms that whatsapp-web.js itself accepts.
func idText(raw json.RawMessage) (string, bool) {
	switch Kind(raw) {
	case "string":
		var text string
		err := json.Unmarshal(raw, &text)
		return text, err == nil
	case "object":
		var object struct {
			Serialized any             `json:"_serialized"`
			ID         json.RawMessage `json:"id"`
		}
		if json.Unmarshal(raw, &object) != nil {
			return "", false
		}
		if text, ok := object.Serialized.(string); ok {
			return text, true
		}
		if len(object.ID) > 0 && len(object.ID) < len(raw) {
			return idText(object.ID)
		}
	}
	return "", false
}

// Text reads an id of any kind (chat or message) as text, from a string or
// from the objects that whatsapp-web.js returns.
func Text(raw json.RawMessage, path string) (string, error) {
	text, ok := idText(raw)
	if !ok {
		return "", bad(path, "expected an id, got %s", Kind(raw))
	}
	return text, nil
}
