package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api/route"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/proto/fault"
)

// messages are the routes about messages and chats that are one method of the
// proxy in other words, and those about sends.
type messages struct {
	router *route.Router
	auth   instanceFinder
	calls  *calls
	sender *sends.Sender
	sends  sendPages
}

func (h *messages) routes() {
	op := func(id, method, path, summary string, status int) huma.Operation {
		o := route.OfInstance(id, method, "/{id}"+path, summary, status)
		o.Tags = []string{"Messages"}
		return o
	}
	route.Add(h.router, route.OwnInstance, op("send-message", http.MethodPost, "/send", "Send a message (sendMessage of the proxy)", http.StatusCreated), h.send)
	route.Add(h.router, route.OwnInstance, op("list-chats", http.MethodGet, "/chats", "List chats (getChats of the proxy)", http.StatusOK), h.chats)
	route.Add(h.router, route.OwnInstance, op("list-messages", http.MethodGet, "/messages", "The newest messages of a chat (Chat.fetchMessages of the proxy)", http.StatusOK), h.messages)
}

type messageOutput struct {
	Body struct {
		Message json.RawMessage `json:"message" doc:"In the shape of a whatsapp-web.js Message"`
	}
}

func (h *messages) send(ctx context.Context, in *struct {
	route.InstancePath
	Idempotency string `header:"Idempotency-Key" maxLength:"255" doc:"A repeated request with the same value never sends twice"`
	Body        struct {
		ChatID  string         `json:"chatId" minLength:"1" maxLength:"200" example:"4915112345678@c.us"`
		Content any            `json:"content" doc:"Text, or a tagged object such as {\"$type\":\"Location\",…}" example:"\"Hello\""`
		Options map[string]any `json:"options,omitempty" doc:"The options of whatsapp-web.js, e.g. quotedMessageId, mentions"`
	}
},
) (*messageOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	switch content := in.Body.Content.(type) {
	case string:
		if content == "" {
			return nil, fault.Bad("api.send", "content", "content: must not be empty")
		}
	case map[string]any:
	default:
		return nil, fault.Bad("api.send", "content", "content: is a text or an object")
	}
	params := []any{in.Body.ChatID, in.Body.Content}
	if in.Body.Options != nil {
		params = append(params, in.Body.Options)
	}
	result, err := h.calls.call(ctx, row, "sendMessage", in.Idempotency, params...)
	if err != nil {
		return nil, renamed(err, "chatId", "content", "options")
	}
	out := &messageOutput{}
	out.Body.Message = result
	return out, nil
}

type chatsOutput struct {
	Body struct {
		Chats      []json.RawMessage `json:"chats" doc:"In the shape of whatsapp-web.js Chats"`
		Pagination route.Pagination  `json:"pagination"`
	}
}

func (h *messages) chats(ctx context.Context, in *struct {
	route.InstancePath
	route.Paging
},
) (*chatsOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	result, err := h.calls.call(ctx, row, "getChats", "")
	if err != nil {
		return nil, err
	}
	all, err := listOf(result)
	if err != nil {
		return nil, err
	}
	out := &chatsOutput{}
	from := min(in.Offset(), len(all))
	out.Body.Chats = all[from:min(from+in.Limit, len(all))]
	out.Body.Pagination = in.Of(len(all))
	return out, nil
}

type messagesOutput struct {
	Body struct {
		Messages []json.RawMessage `json:"messages" doc:"In the shape of whatsapp-web.js Messages, oldest first"`
	}
}

func (h *messages) messages(ctx context.Context, in *struct {
	route.InstancePath
	ChatID string `query:"chatId" required:"true" minLength:"1" maxLength:"200" example:"4915112345678@c.us"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
	FromMe string `query:"fromMe" enum:"true,false" doc:"true: only sent messages; false: only received ones"`
},
) (*messagesOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	options := map[string]any{"limit": in.Limit}
	if in.FromMe != "" {
		options["fromMe"] = in.FromMe == "true"
	}
	result, err := h.calls.call(ctx, row, "Chat.fetchMessages", "", in.ChatID, options)
	if err != nil {
		return nil, renamed(err, "chatId", "limit")
	}
	list, err := listOf(result)
	if err != nil {
		return nil, err
	}
	out := &messagesOutput{}
	out.Body.Messages = list
	return out, nil
}

func listOf(result json.RawMessage) ([]json.RawMessage, error) {
	list := []json.RawMessage{}
	if err := json.Unmarshal(result, &list); err != nil {
		return nil, fault.Wrap(fault.Internal, "api.list", err, "internal error")
	}
	return list, nil
}

// renamed gives an error about params[i] the name that the field has on a
// management route: there nobody sent positions.
func renamed(err error, names ...string) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	for i, name := range names {
		position := "params[" + strconv.Itoa(i) + "]"
		if strings.HasPrefix(f.Field, position) {
			other := *f
			other.Field = name + strings.TrimPrefix(f.Field, position)
			other.Msg = strings.ReplaceAll(f.Msg, position, name)
			return &other
		}
	}
	return err
}
