package feed

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"whatsapp-manager/api"
	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
)

// StreamRoutes adds the event feed of an instance: a page, or a stream.
func StreamRoutes(s *Streamer) func(*api.Mount) {
	return func(m *api.Mount) {
		const path = "/api/instances/{id}/events"
		m.Echo().GET(strings.ReplaceAll(path, "{id}", ":id"), m.Authenticated(route.OwnInstance, func(c echo.Context) error {
			return s.serve(m, c)
		}))
		m.OpenAPI().AddOperation(&huma.Operation{
			OperationID: "get-events", Method: http.MethodGet, Path: path, Tags: []string{"Events"},
			Summary: "The events of an instance: a page, or with Accept: text/event-stream or as a WebSocket a stream",
			Description: "Events are numbered without gaps. A page holds the events behind `after`, oldest first; `next` is the value of `after` for the next page. " +
				"A WebSocket (Upgrade: websocket) sends each event as a text message, as it is posted to webhooks. A stream begins behind `Last-Event-ID` (or `after`; without either, behind the newest event) and goes on until it is closed or the permission for it ends: the API key is revoked, the login has ended, the access token has expired, the user is disabled or the instance is deleted. " +
				"The last thing that comes is then an event `stream_end` without an id, `{\"code\":\"token_expired\",\"message\":…}`; a WebSocket is closed with 4401 and `code: message`, or with 4404 when the instance was deleted.",
			Parameters: []*huma.Param{
				{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: "string"}},
				{Name: "after", In: "query", Description: "Events with a higher seq", Schema: &huma.Schema{Type: "integer"}},
				{Name: "limit", In: "query", Description: "Events in a page: 1 to 500, default 100", Schema: &huma.Schema{Type: "integer"}},
				{Name: "events", In: "query", Description: "Only these, separated by commas, e.g. message,message_ack", Schema: &huma.Schema{Type: "string"}},
				{Name: "raw", In: "query", Description: "true: each Message has in `_data.message` its content as WhatsApp has it, with everything that has no place elsewhere; a page then has at most 50 events. It is there from when the instance's `rawEvents` is true, or one of its webhooks has `raw`; 409 `raw_events_off` while neither is", Schema: &huma.Schema{Type: "boolean"}},
				{Name: "Last-Event-ID", In: "header", Description: "The last seq that a stream's reader has seen", Schema: &huma.Schema{Type: "string"}},
			},
			Security: []map[string][]string{{"accessToken": {}}, {"apiKey": {}}},
			Responses: map[string]*huma.Response{
				"200": {Description: "`{\"events\":[…],\"next\":17}`, or the stream", Content: map[string]*huma.MediaType{"application/json": {}, "text/event-stream": {}}},
			},
		})
	}
}

func (s *Streamer) serve(m *api.Mount, c echo.Context) error {
	ctx := c.Request().Context()
	in, err := m.Instance(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	want, err := s.wanted(c, in.ID)
	if err != nil {
		return err
	}
	after, given, err := position(c)
	if err != nil {
		return err
	}
	socket := strings.EqualFold(c.Request().Header.Get(echo.HeaderUpgrade), "websocket")
	if !socket && !strings.Contains(c.Request().Header.Get(echo.HeaderAccept), "text/event-stream") {
		limit := 100
		if text := c.QueryParam("limit"); text != "" {
			if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 500 {
				return fault.Bad("feed.page", "limit", "limit must be a number from 1 to 500")
			}
		}
		page, next, err := s.Page(ctx, in.ID, after, limit, want)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, map[string]any{"events": page, "next": next})
	}
	ctx, release, err := m.While(ctx, in)
	if err != nil {
		return err
	}
	defer release()
	leave, err := s.seats.take(in.ID)
	if err != nil {
		return err
	}
	defer leave()
	if !given {
		if after, err = s.store.FeedHead(ctx, in.ID); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(closing{m.Closing(), ctx}, cancel)
	defer stop()
	if socket {
		if err := s.ServeWebSocket(ctx, c.Response(), c.Request(), in.ID, after, want); err != nil {
			s.log.Debug().Err(err).Msg("reader of a websocket did not say goodbye")
		}
		return nil
	}
	return s.ServeSSE(ctx, c.Response(), in.ID, after, want)
}

// wanted is what the reader asks for.
func (s *Streamer) wanted(c echo.Context, id supervisor.ID) (want Wanted, err error) {
	for name := range strings.SplitSeq(c.QueryParam("events"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			want.Events = append(want.Events, name)
		}
	}
	switch c.QueryParam("raw") {
	case "", "false":
	case "true":
		want.Raw = true
		err = s.mayWantRaw(c.Request().Context(), id)
	default:
		err = fault.Bad("feed.wanted", "raw", "raw must be true or false")
	}
	return want, err
}

// position is where to read on: the reader's own memory wins over the URL it
// was first called with, since browsers reconnect with both.
func position(c echo.Context) (after uint64, given bool, err error) {
	field, text := "Last-Event-ID", c.Request().Header.Get("Last-Event-ID")
	if text == "" {
		field, text = "after", c.QueryParam("after")
	}
	if text == "" {
		return 0, false, nil
	}
	after, err = strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, false, fault.Bad("feed.position", field, "%s must be the seq of an event", field)
	}
	return after, true, nil
}

// closing is a context that ends with a channel, for context.AfterFunc.
type closing struct {
	done <-chan struct{}
	context.Context
}

func (c closing) Done() <-chan struct{} { return c.done }
func (c closing) Err() error {
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}
