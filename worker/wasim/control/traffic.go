package control

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

type sendRequest struct {
	To         string  `json:"to"`
	Text       string  `json:"text"`
	Count      *int    `json:"count"`
	Rate       float64 `json:"rate"`
	Background bool    `json:"background"`
}

func (a *api) send(ctx context.Context, account *wasim.Account, request sendRequest) (reply, error) {
	to, err := chatJID(request.To)
	if err != nil {
		return reply{}, err
	}
	traffic := wasim.Traffic{From: account, To: to, Count: 1, Rate: request.Rate}
	if request.Count != nil {
		traffic.Count = *request.Count
	}
	if traffic.Count < 0 || traffic.Rate < 0 || traffic.Count == 0 && !request.Background {
		return reply{}, badRequest("count or rate out of range")
	}
	if text := request.Text; text != "" {
		traffic.Text = func(n int) string { return strings.ReplaceAll(text, "%d", strconv.Itoa(n)) }
	}
	if !request.Background {
		sent, err := traffic.Run(ctx)
		if err != nil {
			return reply{}, err
		}
		return ok(object{"sent": sent}), nil
	}
	if !a.server.Background(func(ctx context.Context) {
		if _, err := traffic.Run(ctx); err != nil {
			a.server.Log.Warn().Err(err).Msg("background traffic ended")
		}
	}) {
		return reply{}, &requestError{http.StatusServiceUnavailable, "closing"}
	}
	return reply{http.StatusAccepted, object{}}, nil
}

// messageView is a received message as the control API shows it.
type messageView struct {
	ID     string    `json:"id"`
	Chat   string    `json:"chat"`
	Sender string    `json:"sender"`
	PN     string    `json:"pn"`
	Name   string    `json:"name"`
	Text   string    `json:"text"`
	Time   time.Time `json:"time"`
	Own    bool      `json:"own"`
	Retry  int       `json:"retry"`
}

func viewMessage(m phone.Received) messageView {
	return messageView{
		ID: m.ID, Chat: m.Chat.String(), Sender: m.Sender.String(), PN: m.PN.String(), Name: m.PushName,
		Text: m.Text, Time: m.Time, Own: m.Own, Retry: m.Retry,
	}
}

// received answers once or streams, as the package documentation says.
func (a *api) received(w http.ResponseWriter, r *http.Request) {
	account, err := a.find(r.PathValue("number"))
	if err != nil {
		writeError(w, err)
		return
	}
	after := 0
	if text := r.URL.Query().Get("after"); text != "" {
		if after, err = strconv.Atoi(text); err != nil || after < 0 {
			writeError(w, badRequest("after: %q is no position", text))
			return
		}
	}
	wait, err := duration(r.URL.Query().Get("wait"), 0)
	if err != nil {
		writeError(w, err)
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		streamReceived(w, r, account.Phone(), after)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	messages := []messageView{}
	for _, m := range receivedAfter(ctx, account.Phone(), after) {
		messages = append(messages, viewMessage(m))
	}
	writeJSON(w, http.StatusOK, object{"messages": messages, "next": after + len(messages)})
}

// receivedAfter is the phone's ledger from a position on; it waits for the first
// entry until ctx ends.
func receivedAfter(ctx context.Context, p *phone.Phone, after int) []phone.Received {
	more := make(chan struct{}, 1)
	cancel := p.Subscribe(func(phone.Received) {
		select {
		case more <- struct{}{}:
		default:
		}
	})
	defer cancel()
	for {
		if all := p.Received(); len(all) > after {
			return all[after:]
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		}
	}
}

func streamReceived(w http.ResponseWriter, r *http.Request, p *phone.Phone, after int) {
	w.Header().Set("Content-Type", "text/event-stream")
	stream := http.NewResponseController(w)
	if stream.Flush() != nil {
		return
	}
	for {
		messages := receivedAfter(r.Context(), p, after)
		if len(messages) == 0 {
			return
		}
		for _, m := range messages {
			after++
			body, err := json.Marshal(viewMessage(m))
			if err != nil {
				return
			}
			if _, err = fmt.Fprintf(w, "id: %d\ndata: %s\n\n", after, body); err != nil {
				return
			}
		}
		if stream.Flush() != nil {
			return
		}
	}
}

// authorRef names an author in a chat; in a 1:1 chat the author may be left out.
type authorRef struct {
	Chat   string `json:"chat"`
	Author string `json:"author"`
}

func (ref authorRef) jids() (chat, author types.JID, err error) {
	if chat, err = chatJID(ref.Chat); err != nil || ref.Author == "" {
		return chat, chat, err
	}
	author, err = chatJID(ref.Author)
	return chat, author, err
}

type readRequest struct {
	authorRef
	IDs []string `json:"ids"`
}

func (a *api) read(ctx context.Context, account *wasim.Account, request readRequest) (reply, error) {
	chat, author, err := request.jids()
	if err != nil {
		return reply{}, err
	}
	if err = account.Phone().MarkRead(ctx, chat, author, request.IDs...); err != nil {
		return reply{}, badRequest("%v", err)
	}
	return ok(object{}), nil
}

type reactRequest struct {
	authorRef
	ID    string `json:"id"`
	Emoji string `json:"emoji"`
}

func (a *api) react(ctx context.Context, account *wasim.Account, request reactRequest) (reply, error) {
	chat, author, err := request.jids()
	if err != nil {
		return reply{}, err
	}
	id, err := account.Phone().React(ctx, chat, author, request.ID, request.Emoji)
	if err != nil {
		return reply{}, err
	}
	return ok(object{"id": id}), nil
}

type autoRequest struct {
	Reply string `json:"reply"`
	Read  bool   `json:"read"`
}

func (a *api) auto(_ context.Context, account *wasim.Account, request autoRequest) (reply, error) {
	account.Phone().AutoRead(request.Read)
	if request.Reply == "" {
		account.Phone().AutoReply(nil)
	} else {
		account.Phone().AutoReply(func(m phone.Received) string {
			return strings.ReplaceAll(request.Reply, "%s", m.Text)
		})
	}
	return ok(object{}), nil
}

type ringRequest struct {
	To    string `json:"to"`
	Video bool   `json:"video"`
}

func (a *api) ring(_ context.Context, caller *wasim.Account, request ringRequest) (reply, error) {
	to, err := a.find(request.To)
	if err != nil {
		return reply{}, err
	}
	return ok(object{"id": caller.Ring(to, request.Video)}), nil
}

type shopRequest struct {
	Products []wasim.Product `json:"products"`
	Orders   []wasim.Order   `json:"orders"`
}

func (a *api) shop(_ context.Context, account *wasim.Account, request shopRequest) (reply, error) {
	if request.Products != nil {
		account.SetCatalogue(request.Products...)
	}
	for _, o := range request.Orders {
		if o.At.IsZero() {
			o.At = time.Now()
		}
		account.AddOrder(o)
	}
	return ok(object{}), nil
}
