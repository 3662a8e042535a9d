package control

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/compose"
)

// bodyLimits are the routes that take more than maxBody.
var bodyLimits = map[string]int64{
	"POST /control/message": 2 * compose.MaxMessage,
	"POST /control/seal":    2 * compose.MaxMessage,
	"POST /control/media":   compose.MaxFile + 1, // so that Upload can tell
}

// maxBody is how many bytes the body of a request may have.
const maxBody = 1 << 20

func bodyLimit(pattern string) int64 {
	if limit, special := bodyLimits[pattern]; special {
		return limit
	}
	return maxBody
}

func (a *api) message(r *http.Request, request compose.Request) (reply, error) {
	sent, err := compose.Send(r.Context(), a.server, request)
	if err != nil {
		return reply{}, err
	}
	return ok(sent), nil
}

// media takes the file itself as the body; what it is stands in the query.
func (a *api) media(r *http.Request) (reply, error) {
	query := r.URL.Query()
	plain := false
	if text := query.Get("plain"); text != "" {
		var err error
		if plain, err = strconv.ParseBool(text); err != nil {
			return reply{}, badRequest("plain: %.40q is neither true nor false", text)
		}
	}
	file, err := io.ReadAll(r.Body)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return reply{}, badRequest("body: more than %d bytes", compose.MaxFile)
	}
	if err != nil {
		return reply{}, badRequest("body: %v", err)
	}
	fields, err := compose.Upload(a.server, query.Get("type"), query.Get("mimetype"), plain, file)
	if err != nil {
		return reply{}, err
	}
	return created(fields), nil
}

func (a *api) seal(_ *http.Request, sealing compose.Sealing) (reply, error) {
	message, err := compose.Seal(sealing)
	if err != nil {
		return reply{}, err
	}
	return ok(struct {
		Message json.RawMessage `json:"message"`
	}{message}), nil
}

type channelRequest struct {
	Owner       string   `json:"owner"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Followers   []string `json:"followers"`
}

func (a *api) createChannel(_ *http.Request, request channelRequest) (reply, error) {
	owner, err := a.find(request.Owner)
	if err != nil {
		return reply{}, err
	}
	followers, err := a.findAll(request.Followers)
	if err != nil {
		return reply{}, err
	}
	jid := owner.CreateChannel(request.Name, request.Description)
	for _, follower := range followers {
		if err = follower.FollowChannel(jid, false); err != nil {
			return reply{}, err
		}
	}
	return a.viewChannel(jid)
}

func (a *api) viewChannel(jid types.JID) (reply, error) {
	state, _ := a.server.Channel(jid)
	return created(object{"jid": jid.String(), "name": state.Name, "code": state.Code, "roles": state.Roles}), nil
}
