package api

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"google.golang.org/grpc"

	"whatsapp-manager/api/method"
	"whatsapp-manager/api/route"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store"
)

// relay carries one call with checked parameters to the worker of the instance
// and back, unopened.
func (s *Server) relay(ctx context.Context, in store.Instance, m catalog.Method, params method.Params, idempotency string) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CallTimeout)
	defer cancel()
	if m.Manager {
		return s.manage(ctx, in, m, params)
	}
	if m.Sends {
		answer, err := s.sender.Once(ctx, in, m.Name, params.Raw, idempotency)
		t := trace.Of(ctx)
		t.Replayed, t.SendKey = answer.Replayed, answer.Key
		return answer.Result, err
	}
	worker, err := s.worker(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	account := s.account(ctx)
	if m.AnswersFile() {
		if err := account.Take(fileReserve); err != nil {
			return nil, err
		}
		defer account.Give(fileReserve)
	}
	left := account.Left()
	answer, err := worker.Call(ctx, &workerv1.CallRequest{Method: m.Name, Params: params.Raw}, grpc.MaxCallRecvMsgSize(int(min(max(left, leastAnswer), math.MaxInt32))))
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) && f.Kind == fault.TooLarge && f.Err != nil {
			// gRPC says so, and not the worker: the answer is larger than what is left.
			if full := account.Take(left + 1); full != nil {
				err = full
			}
		}
		return nil, err
	}
	if err := account.Take(answerCopies * int64(len(answer.GetResult()))); err != nil {
		return nil, err
	}
	return answer.GetResult(), nil
}

const (
	// answerCopies is how often an answer is in memory: as it came and as it is given on.
	answerCopies = 2
	// fileReserve is set aside for an answer that is a file, before it comes; most are smaller.
	fileReserve = 4 << 20
	// leastAnswer is what any call may answer, however much is under way.
	leastAnswer = 1 << 20
)

// call is relay for the management routes that are one method in other words.
func (s *Server) call(ctx context.Context, in store.Instance, name string, idempotency string, values ...any) (json.RawMessage, error) {
	const op = "api.call"
	m, ok := catalog.Lookup(name)
	if !ok {
		return nil, fault.New(fault.Unimplemented, op, "this build does not know %s", name)
	}
	params, err := method.Of(values...)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err, "internal error")
	}
	t := trace.Of(ctx)
	t.Method = name
	if !t.Paced {
		if err := s.pace.wait(ctx, in.ID); err != nil {
			return nil, err
		}
	}
	result, err := s.relay(ctx, in, m, params, idempotency)
	if err == nil && !m.Sends {
		err = s.account(ctx).Take(answerCopies * int64(len(result))) // taken apart and put together again
	}
	return result, err
}

func (s *Server) relayRoutes() {
	op := func(id, method, path, summary string, status int) huma.Operation {
		o := route.OfInstance(id, method, "/{id}"+path, summary, status)
		o.Tags = []string{"Messages"}
		return o
	}
	route.Add(s.router, route.OwnInstance, op("send-message", http.MethodPost, "/send", "Send a message (sendMessage of the proxy)", http.StatusCreated), s.send)
	route.Add(s.router, route.OwnInstance, op("list-chats", http.MethodGet, "/chats", "List chats (getChats of the proxy)", http.StatusOK), s.chats)
	route.Add(s.router, route.OwnInstance, op("list-messages", http.MethodGet, "/messages", "The newest messages of a chat (Chat.fetchMessages of the proxy)", http.StatusOK), s.messages)
}

type messageOutput struct {
	Body struct {
		Message json.RawMessage `json:"message" doc:"In the shape of a whatsapp-web.js Message"`
	}
}

func (s *Server) send(ctx context.Context, in *struct {
	route.InstancePath
	Idempotency string `header:"Idempotency-Key" maxLength:"255" doc:"The same value never sends twice"`
	Body        struct {
		ChatID  string         `json:"chatId" minLength:"1" maxLength:"200" example:"4915112345678@c.us"`
		Content any            `json:"content" doc:"Text, or a tagged object such as {\"$type\":\"Location\",…}" example:"\"Hello\""`
		Options map[string]any `json:"options,omitempty" doc:"As of whatsapp-web.js, e.g. quotedMessageId, mentions"`
	}
}) (*messageOutput, error) {
	row, err := s.auth.Instance(ctx, in.ID)
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
	result, err := s.call(ctx, row, "sendMessage", in.Idempotency, params...)
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

func (s *Server) chats(ctx context.Context, in *struct {
	route.InstancePath
	route.Paging
}) (*chatsOutput, error) {
	row, err := s.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	result, err := s.call(ctx, row, "getChats", "")
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

func (s *Server) messages(ctx context.Context, in *struct {
	route.InstancePath
	ChatID string `query:"chatId" required:"true" minLength:"1" maxLength:"200" example:"4915112345678@c.us"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
	FromMe string `query:"fromMe" enum:"true,false" doc:"Only ours, or only theirs"`
}) (*messagesOutput, error) {
	row, err := s.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	options := map[string]any{"limit": in.Limit}
	if in.FromMe != "" {
		options["fromMe"] = in.FromMe == "true"
	}
	result, err := s.call(ctx, row, "Chat.fetchMessages", "", in.ChatID, options)
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
