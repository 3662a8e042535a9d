package linking

// actions say what to do about a problem, by its code.
var actions = map[string]string{
	"passkey_expired":      "Scan a new code with the phone, and answer the passkey within ten minutes.",
	"passkey_refused":      "Answer again with the passkey that belongs to this WhatsApp account.",
	"passkey_failed":       "Scan the new code with the phone to begin again.",
	"passkey_required":     "Answer with the account's passkey.",
	"confirmation_denied":  "Begin again. Make sure that the code is scanned by your own phone.",
	"confirmation_expired": "Scan a new code with the phone, and compare the two codes within five minutes.",
	"confirmation_failed":  "Scan the new code with the phone to begin again.",
	"rejected_on_phone":    "Scan the new code with the phone, and accept the new device there.",
	"phone_silent":         "Open WhatsApp on the phone, see that it is online, and scan the new code.",
	"pairing_failed":       "Scan the new code with the phone to begin again.",
	"multidevice_disabled": "Update WhatsApp on the phone, and scan again.",
	"qr_expired":           "Begin again, and scan the code within a few minutes.",
	"connection_lost":      "Wait for a new code, and scan it.",
	"unreachable":          "Wait: it is tried again by itself. If that goes on, look at the network of this server.",
	"keepalive_timeout":    "Wait for a new code, and scan it.",
	"silent":               "Wait for a new code, and scan it.",
	"database_unavailable": "Wait: it goes on when the database is back.",
	"logged_out":           "Begin again to link the account anew.",
	"device_taken":         "Begin again to link the account anew. If you did not link it elsewhere, the imported file was not its device's.",
	"stream_replaced":      "End the other client that uses this device, then start the instance again.",
	"client_outdated":      "Update this software, then start the instance again.",
	"connect_failure":      "Start the instance again; if WhatsApp goes on refusing, link the account anew.",
	"temporary_ban":        "Wait until the ban is over. The account may not connect before.",
	"stopped":              "Start the instance, or begin linking, which starts it.",
	"failed":               "See why the worker does not start, and start the instance again.",
	"starting":             "Wait a moment.",
}

const otherwise = "Begin again."

// NewProblem returns the problem of that code with what to do about it.
func NewProblem(code, detail string) *LinkProblem {
	action, ok := actions[code]
	if !ok {
		action = otherwise
	}
	return &LinkProblem{Code: code, Detail: detail, Action: action}
}
