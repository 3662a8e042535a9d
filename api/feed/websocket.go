package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"whatsapp-manager/api/session"
	"whatsapp-manager/supervisor"
)

// ServeWebSocket is ServeSSE over a WebSocket: each event is a text message
// that holds what a webhook is posted. Its seq is what to resume behind.
// Messages of the reader are refused.
func (s *Streamer) ServeWebSocket(ctx context.Context, w http.ResponseWriter, r *http.Request, id supervisor.ID, after uint64, want Wanted) error {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		// Who may read is decided by a header that no page of another origin can
		// send unasked, not by a cookie.
		InsecureSkipVerify: true,
	})
	if err != nil {
		return nil
	}
	defer func() { _ = conn.CloseNow() }() // it is closed already where all went well
	// A context that ends takes the connection with it, without a word. So the
	// connection has one of its own, and hears the reason before it goes.
	gone := conn.CloseRead(context.WithoutCancel(ctx)) // ends with the reader
	following, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(gone, stop)()
	s.follow(following, &socket{ctx: gone, conn: conn, timeout: s.writeTimeout}, id, after, want)
	switch why := permissionEnded(ctx); {
	case why != nil && why.Code == session.CodeInstance:
		return conn.Close(statusInstanceGone, why.Code+": "+why.Msg)
	case why != nil:
		return conn.Close(statusNotAllowed, why.Code+": "+why.Msg)
	case following.Err() != nil:
		return conn.Close(websocket.StatusGoingAway, "the server ends") // no harm when the reader is gone
	}
	return conn.Close(statusInstanceGone, session.CodeInstance+": the instance is gone")
}

// What a connection is closed with when its reader may read no more; numbers
// from 4000 on are for applications.
const (
	statusNotAllowed   = websocket.StatusCode(4401)
	statusInstanceGone = websocket.StatusCode(4404)
)

// socket gives up on a reader that takes nothing for timeout.
type socket struct {
	ctx     context.Context
	conn    *websocket.Conn
	timeout time.Duration
}

func (o *socket) send(e Envelope) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	ctx, cancel := context.WithTimeout(o.ctx, o.timeout)
	defer cancel()
	return o.conn.Write(ctx, websocket.MessageText, body)
}

func (o *socket) flush() error { return nil }

func (o *socket) beat() error {
	ctx, cancel := context.WithTimeout(o.ctx, o.timeout)
	defer cancel()
	return o.conn.Ping(ctx)
}
