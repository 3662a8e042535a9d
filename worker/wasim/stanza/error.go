package stanza

// Error refuses a request.
type Error struct {
	Code int
	Text string
}

// Refusals by their names in the protocol.
var (
	ErrBadRequest    = Refuse(400)
	ErrNotAuthorized = Refuse(401)
	ErrForbidden     = Refuse(403)
	ErrNotFound      = Refuse(404)
	ErrNotAcceptable = Refuse(406)
	ErrConflict      = Refuse(409)
	ErrGone          = Refuse(410)
	ErrInternal      = Refuse(500)
)

// texts belong to the codes; clients compare both.
var texts = map[int]string{
	400: "bad-request",
	401: "not-authorized",
	403: "forbidden",
	404: "item-not-found",
	405: "not-allowed",
	406: "not-acceptable",
	409: "conflict",
	410: "gone",
	419: "resource-limit",
	423: "locked",
	429: "rate-overlimit",
	500: "internal-server-error",
	503: "service-unavailable",
	530: "partial-server-error",
}

// Refuse is a refusal by code, with the text that belongs to it.
func Refuse(code int) *Error {
	text, known := texts[code]
	if !known {
		text = "error"
	}
	return &Error{Code: code, Text: text}
}
