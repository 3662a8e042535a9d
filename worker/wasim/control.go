package wasim

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

	"whatsapp-manager/worker/wasim/phone"
)

// errControl is a request that cannot be right, with its HTTP status.
type errControl struct {
	status int
	text   string
}

func (e *errControl) Error() string { return e.text }

func wrongf(format string, args ...any) error {
	return &errControl{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// controlHandler serves the control API that the package documentation describes.
func (s *Server) controlHandler() http.Handler {
	mux := http.NewServeMux()
	for pattern, f := range map[string]func(*http.Request) (int, any, error){
		"GET /control/{$}":                       s.controlOverview,
		"GET /control/accounts":                  s.controlAccounts,
		"POST /control/accounts":                 s.controlCreate,
		"GET /control/accounts/{number}":         s.controlAccount,
		"POST /control/accounts/{number}/scan":   s.controlScan,
		"POST /control/accounts/{number}/code":   s.controlCode,
		"POST /control/accounts/{number}/send":   s.controlSend,
		"POST /control/accounts/{number}/read":   s.controlRead,
		"POST /control/accounts/{number}/react":  s.controlReact,
		"POST /control/accounts/{number}/auto":   s.controlAuto,
		"GET /control/accounts/{number}/devices": s.controlDevices,
		"POST /control/accounts/{number}/wait":   s.controlWait,
		"POST /control/accounts/{number}/ring":   s.controlRing,
		"POST /control/accounts/{number}/shop":   s.controlShop,
		"GET /control/groups":                    s.controlGroups,
		"POST /control/groups":                   s.controlCreateGroup,
		"POST /control/groups/{jid}/members":     s.controlMembers,
		"POST /control/groups/{jid}":             s.controlGroup,
		"POST /control/faults":                   s.controlFaults,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
			status, answer, err := f(r)
			if err != nil {
				status, answer = controlStatus(err), map[string]string{"error": err.Error()}
			}
			writeJSON(w, status, answer)
		})
	}
	mux.HandleFunc("GET /control/accounts/{number}/received", s.controlReceived)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A page in a browser can reach loopback under a name of its own.
		if host, _, err := net.SplitHostPort(r.Host); err != nil || net.ParseIP(host) == nil || !net.ParseIP(host).IsLoopback() {
			writeJSON(w, http.StatusForbidden, map[string]string{"error": "host must be a loopback address"})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func writeJSON(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer)
}

func controlStatus(err error) int {
	var wrong *errControl
	switch {
	case errors.As(err, &wrong):
		return wrong.status
	case errors.Is(err, ErrNoAccount), errors.Is(err, ErrNoGroup), errors.Is(err, ErrNoRequest), errors.Is(err, ErrRef):
		return http.StatusNotFound
	case errors.Is(err, ErrTaken), errors.Is(err, ErrRejected), errors.Is(err, ErrGone), errors.Is(err, phone.ErrLinkCode):
		return http.StatusConflict
	case errors.Is(err, ErrPhoneNumber), errors.Is(err, phone.ErrQR), errors.Is(err, phone.ErrUnknownUser):
		return http.StatusBadRequest
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// decode reads a JSON body into a struct; fields it does not have are an error.
func decode(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return wrongf("body: %v", err)
	}
	return nil
}

// pathAccount is the account a request's path names.
func (s *Server) pathAccount(r *http.Request) (*Account, error) {
	return s.named(r.PathValue("number"))
}

func (s *Server) named(number string) (*Account, error) {
	if account := s.Account(number); account != nil {
		return account, nil
	}
	return nil, fmt.Errorf("%q: %w", number, ErrNoAccount)
}

func (s *Server) namedAll(numbers []string) ([]*Account, error) {
	accounts := make([]*Account, len(numbers))
	for i, number := range numbers {
		var err error
		if accounts[i], err = s.named(number); err != nil {
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
		return types.EmptyJID, wrongf("%q is neither a number nor a JID", text)
	}
	return jid, nil
}

func duration(text string, standard time.Duration) (time.Duration, error) {
	if text == "" {
		return standard, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, wrongf("%q is no duration", text)
	}
	return d, nil
}

func (s *Server) controlOverview(*http.Request) (int, any, error) {
	return http.StatusOK, map[string]any{
		"endpoint": s.Endpoint(), "accounts": len(s.Accounts()), "connections": s.Connections(), "unknown": s.Unknown(),
	}, nil
}
