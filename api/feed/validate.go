package feed

import (
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/netguard"
)

// reserved are the headers that belong to the message or to the connection.
var reserved = []string{
	"Content-Type", "Content-Length", "Content-Encoding", "Host", "Transfer-Encoding", "Trailer", "Te",
	"Connection", "Keep-Alive", "Proxy-Connection", "Upgrade", "Expect",
}

// kinds are the events there are, by name.
var kinds = sync.OnceValue(func() map[string]catalog.Event {
	byName := map[string]catalog.Event{}
	for _, e := range catalog.Events() {
		byName[e.Name] = e
	}
	return byName
})

// checkAddress refuses a URL that is never posted to. A name that stands for an
// internal address is refused when it is posted to: until then it may change.
func checkAddress(address string, allowed []netip.Prefix) error {
	const op = "feed.checkAddress"
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fault.Bad(op, "url", "url must be an http:// or https:// address")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fault.Bad(op, "url", "url: %s is not a port", port)
		}
	}
	if addr, ok := netguard.Literal(u.Hostname()); ok && !netguard.Reachable(addr, allowed) {
		return fault.Bad(op, "url", "url: %v", netguard.ErrInternal)
	}
	return nil
}

// check refuses what could not be delivered, naming the field.
func check(events []string, headers map[string]string) error {
	const op = "feed.check"
	for _, event := range events {
		if event == "" || len(event) > 64 || strings.ContainsAny(event, " ,\n\x00") {
			return fault.Bad(op, "events", "events must be names like message or message_ack")
		}
		if known, ok := kinds()[event]; !ok {
			return fault.Bad(op, "events", "events: there is no event %s; GET /api/proxy/events lists them", event)
		} else if known.Reason != "" {
			return fault.Bad(op, "events", "events: %s never comes: %s", event, known.Reason)
		}
	}
	if len(headers) > 32 {
		return fault.Bad(op, "headers", "headers: at most 32")
	}
	for name, value := range headers {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) }):
			return fault.Bad(op, "headers", "headers: a name is not allowed in HTTP")
		case len(value) > 2000 || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return fault.Bad(op, "headers", "headers: the value of %s cannot be sent", name)
		case strings.HasPrefix(canonical, "Webhook-") || slices.Contains(reserved, canonical):
			return fault.Bad(op, "headers", "headers: %s is set by the sender", name)
		}
	}
	return nil
}
