package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/compose"
	"whatsapp-manager/worker/wasim/passkey"
	"whatsapp-manager/worker/wasim/phone"
	"whatsapp-manager/worker/wasim/user"
)

// api holds the handlers of the control API of one simulator.
type api struct {
	server *wasim.Server
}

// requestError is a request that cannot be right, with its HTTP status.
type requestError struct {
	status int
	text   string
}

func (e *requestError) Error() string { return e.text }

func badRequest(format string, args ...any) error {
	return &requestError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// reply is an answer with its HTTP status.
type reply struct {
	status int
	body   any
}

func ok(body any) reply      { return reply{http.StatusOK, body} }
func created(body any) reply { return reply{http.StatusCreated, body} }

// object is a JSON object made on the spot; the empty one says "done".
type object map[string]any

// endpoint answers one request.
type endpoint func(*http.Request) (reply, error)

// Handler serves the control API of a simulator, as the package documentation
// describes it, on the path /control/.
func Handler(server *wasim.Server) http.Handler {
	a := &api{server: server}
	mux := http.NewServeMux()
	for pattern, f := range map[string]endpoint{
		"GET /control/{$}":                                a.overview,
		"GET /control/accounts":                           a.accounts,
		"POST /control/accounts":                          withBody(a.createAccount),
		"GET /control/accounts/{number}":                  a.account,
		"GET /control/accounts/{number}/devices":          a.devices,
		"POST /control/accounts/{number}/scan":            withAccount(a, a.scan),
		"POST /control/accounts/{number}/code":            withAccount(a, a.code),
		"POST /control/accounts/{number}/username":        withAccount(a, a.setUsername),
		"POST /control/accounts/{number}/timer":           withAccount(a, a.setDefaultTimer),
		"GET /control/accounts/{number}/passkey":          a.passkey,
		"POST /control/accounts/{number}/passkey":         withAccount(a, a.demandPasskey),
		"DELETE /control/accounts/{number}/passkey":       a.dropPasskey,
		"POST /control/accounts/{number}/passkey/confirm": withAccount(a, a.confirmCode),
		"POST /control/accounts/{number}/passkey/reject":  withAccount(a, a.rejectLinking),
		"POST /control/accounts/{number}/passkey/expire":  withAccount(a, a.expireLinking),
		"POST /control/accounts/{number}/wait":            withAccount(a, a.wait),
		"POST /control/accounts/{number}/send":            withAccount(a, a.send),
		"POST /control/accounts/{number}/read":            withAccount(a, a.read),
		"POST /control/accounts/{number}/react":           withAccount(a, a.react),
		"POST /control/accounts/{number}/auto":            withAccount(a, a.auto),
		"POST /control/accounts/{number}/ring":            withAccount(a, a.ring),
		"POST /control/accounts/{number}/shop":            withAccount(a, a.shop),
		"GET /control/groups":                             a.groups,
		"POST /control/groups":                            withBody(a.createGroup),
		"POST /control/groups/{jid}":                      withGroup(a.changeGroup),
		"POST /control/groups/{jid}/members":              withGroup(a.changeMembers),
		"POST /control/faults":                            withBody(a.fault),
		"POST /control/channels":                          withBody(a.createChannel),
		"POST /control/message":                           withBody(a.message),
		"POST /control/media":                             a.media,
		"POST /control/seal":                              withBody(a.seal),
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, bodyLimit(pattern))
			answer, err := f(r)
			if err != nil {
				writeError(w, err)
				return
			}
			writeJSON(w, answer.status, answer.body)
		})
	}
	mux.HandleFunc("GET /control/accounts/{number}/received", a.received)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A page in a browser can reach loopback under a name of its own.
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil || net.ParseIP(host) == nil || !net.ParseIP(host).IsLoopback() {
			writeError(w, &requestError{http.StatusForbidden, "host must be a loopback address"})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// withBody reads the request's JSON body into a T; a field that T does not have
// is an error.
func withBody[T any](f func(*http.Request, T) (reply, error)) endpoint {
	return func(r *http.Request) (reply, error) {
		var body T
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&body); err != nil {
			return reply{}, badRequest("body: %v", err)
		}
		return f(r, body)
	}
}

// withAccount is withBody for a path that names an account.
func withAccount[T any](a *api, f func(context.Context, *wasim.Account, T) (reply, error)) endpoint {
	return func(r *http.Request) (reply, error) {
		account, err := a.find(r.PathValue("number"))
		if err != nil {
			return reply{}, err
		}
		return withBody(func(r *http.Request, body T) (reply, error) { return f(r.Context(), account, body) })(r)
	}
}

// withGroup is withBody for a path that names a group.
func withGroup[T any](f func(types.JID, T) (reply, error)) endpoint {
	return func(r *http.Request) (reply, error) {
		jid, err := types.ParseJID(r.PathValue("jid"))
		if err != nil {
			return reply{}, badRequest("%q is no JID", r.PathValue("jid"))
		}
		return withBody(func(_ *http.Request, body T) (reply, error) { return f(jid, body) })(r)
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only when the client is gone
}

func writeError(w http.ResponseWriter, err error) {
	writeJSON(w, statusOf(err), object{"error": err.Error()})
}

func statusOf(err error) int {
	var wrong *requestError
	var field *compose.FieldError
	switch {
	case errors.As(err, &field):
		return http.StatusBadRequest
	case errors.As(err, &wrong):
		return wrong.status
	case errors.Is(err, wasim.ErrNoAccount), errors.Is(err, wasim.ErrNoGroup), errors.Is(err, wasim.ErrNoChannel),
		errors.Is(err, wasim.ErrNoRequest), errors.Is(err, wasim.ErrRef), errors.Is(err, passkey.ErrNoCode):
		return http.StatusNotFound
	case errors.Is(err, wasim.ErrTaken), errors.Is(err, wasim.ErrRejected),
		errors.Is(err, wasim.ErrGone), errors.Is(err, phone.ErrLinkCode),
		errors.Is(err, passkey.ErrRejected), errors.Is(err, passkey.ErrExpired),
		errors.Is(err, passkey.ErrReplaced), errors.Is(err, passkey.ErrWrongCode):
		return http.StatusConflict
	case errors.Is(err, wasim.ErrPhoneNumber), errors.Is(err, phone.ErrQR), errors.Is(err, phone.ErrUnknownUser),
		errors.Is(err, passkey.ErrCredential), errors.Is(err, user.ErrUsername):
		return http.StatusBadRequest
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// find returns the account with a number.
func (a *api) find(number string) (*wasim.Account, error) {
	if account := a.server.Account(number); account != nil {
		return account, nil
	}
	return nil, fmt.Errorf("%q: %w", number, wasim.ErrNoAccount)
}

func (a *api) findAll(numbers []string) ([]*wasim.Account, error) {
	accounts := make([]*wasim.Account, len(numbers))
	for i, number := range numbers {
		var err error
		if accounts[i], err = a.find(number); err != nil {
			return nil, err
		}
	}
	return accounts, nil
}

// chatJID reads a chat given as a number or a JID.
func chatJID(text string) (types.JID, error) {
	if !strings.Contains(text, "@") {
		text = strings.TrimPrefix(text, "+") + "@" + types.DefaultUserServer
	}
	jid, err := types.ParseJID(text)
	if err != nil || jid.User == "" {
		return types.EmptyJID, badRequest("%q is neither a number nor a JID", text)
	}
	return jid, nil
}

func duration(text string, standard time.Duration) (time.Duration, error) {
	if text == "" {
		return standard, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, badRequest("%q is no duration", text)
	}
	return d, nil
}

func (a *api) overview(*http.Request) (reply, error) {
	return ok(object{
		"endpoint": a.server.Endpoint(), "accounts": len(a.server.Accounts()),
		"connections": a.server.Connections(), "unknown": a.server.Unknown(),
	}), nil
}
