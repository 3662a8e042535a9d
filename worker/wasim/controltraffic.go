package wasim

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"whatsapp-manager/worker/wasim/phone"
)

func (s *Server) controlSend(r *http.Request) (int, any, error) {
	account, err := s.pathAccount(r)
	if err != nil {
		return 0, nil, err
	}
	var request struct {
		To         string  `json:"to"`
		Text       string  `json:"text"`
		Count      *int    `json:"count"`
		Rate       float64 `json:"rate"`
		Background bool    `json:"background"`
	}
	if err = decode(r, &request); err != nil {
		return 0, nil, err
	}
	to, err := chatJID(request.To)
	if err != nil {
		return 0, nil, err
	}
	traffic := Traffic{From: account, To: to, Count: 1, Rate: request.Rate}
	if request.Count != nil {
		traffic.Count = *request.Count
	}
	if traffic.Count < 0 || traffic.Rate < 0 || traffic.Count == 0 && !request.Background {
		return 0, nil, wrongf("count or rate out of range")
	}
	if text := request.Text; text != "" {
		traffic.Text = func(n int) string { return strings.ReplaceAll(text, "%d", strconv.Itoa(n)) }
	}
	if !request.Background {
		sent, err := traffic.Run(r.Context())
		if err != nil {
			return 0, nil, err
		}
		return http.StatusOK, map[string]any{"sent": sent}, nil
	}
	if !s.goRun(func(ctx context.Context) {
		if _, err := traffic.Run(ctx); err != nil {
			s.Log.Warn().Err(err).Msg("background traffic ended")
		}
	}) {
		return 0, nil, &errControl{http.StatusServiceUnavailable, "closing"}
	}
	return http.StatusAccepted, map[string]any{}, nil
}

// messageView is a received message in the control API.
type messageView struct {
	ID      string    `json:"id"`
	Chat    string    `json:"chat"`
	Sender  string    `json:"sender"`
	PN      string    `json:"pn"`
	Name    string    `json:"name"`
	Text    string    `json:"text"`
	Time    time.Time `json:"time"`
	Own     bool      `json:"own"`
	Attempt int       `json:"attempt"`
}

func viewReceived(m phone.Received) messageView {
	return messageView{
		ID: m.ID, Chat: m.Chat.String(), Sender: m.Sender.String(), PN: m.PN.String(), Name: m.PushName,
		Text: m.Text, Time: m.Time, Own: m.Own, Attempt: m.Attempt,
	}
}

// controlReceived answers once or streams, as the package documentation says.
func (s *Server) controlReceived(w http.ResponseWriter, r *http.Request) {
	account, err := s.pathAccount(r)
	after, wait := 0, time.Duration(0)
	if err == nil {
		if text := r.URL.Query().Get("after"); text != "" {
			if after, err = strconv.Atoi(text); err != nil || after < 0 {
				err = wrongf("after: %q is no position", text)
			}
		}
	}
	if err == nil {
		wait, err = duration(r.URL.Query().Get("wait"), 0)
	}
	if err != nil {
		writeJSON(w, controlStatus(err), map[string]string{"error": err.Error()})
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		streamReceived(w, r, account, after)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	messages := []messageView{}
	for _, m := range account.receivedAfter(ctx, after) {
		messages = append(messages, viewReceived(m))
	}
	writeJSON(w, http.StatusOK, map[string]any{"messages": messages, "next": after + len(messages)})
}

// receivedAfter is the phone's ledger from a position on; it waits for the first
// entry until ctx ends.
func (a *Account) receivedAfter(ctx context.Context, after int) []phone.Received {
	more := make(chan struct{}, 1)
	cancel := a.phone.Subscribe(func(phone.Received) {
		select {
		case more <- struct{}{}:
		default:
		}
	})
	defer cancel()
	for {
		if all := a.phone.Received(); len(all) > after {
			return all[after:]
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		}
	}
}

func streamReceived(w http.ResponseWriter, r *http.Request, account *Account, after int) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	control.Flush()
	for {
		messages := account.receivedAfter(r.Context(), after)
		if len(messages) == 0 {
			return
		}
		for _, m := range messages {
			after++
			body, err := json.Marshal(viewReceived(m))
			if err != nil {
				return
			}
			if _, err = fmt.Fprintf(w, "id: %d\ndata: %s\n\n", after, body); err != nil {
				return
			}
		}
		if control.Flush() != nil {
			return
		}
	}
}

func (s *Server) controlRead(r *http.Request) (int, any, error) {
	account, err := s.pathAccount(r)
	if err != nil {
		return 0, nil, err
	}
	var request struct {
		Chat   string   `json:"chat"`
		Author string   `json:"author"`
		IDs    []string `json:"ids"`
	}
	if err = decode(r, &request); err != nil {
		return 0, nil, err
	}
	chat, err := chatJID(request.Chat)
	if err != nil {
		return 0, nil, err
	}
	author := chat
	if request.Author != "" {
		if author, err = chatJID(request.Author); err != nil {
			return 0, nil, err
		}
	}
	if err = account.phone.MarkRead(r.Context(), chat, author, request.IDs...); err != nil {
		return 0, nil, wrongf("%v", err)
	}
	return http.StatusOK, map[string]any{}, nil
}

func (s *Server) controlReact(r *http.Request) (int, any, error) {
	account, err := s.pathAccount(r)
	if err != nil {
		return 0, nil, err
	}
	var request struct {
		Chat   string `json:"chat"`
		Author string `json:"author"`
		ID     string `json:"id"`
		Emoji  string `json:"emoji"`
	}
	if err = decode(r, &request); err != nil {
		return 0, nil, err
	}
	chat, err := chatJID(request.Chat)
	if err != nil {
		return 0, nil, err
	}
	author := chat
	if request.Author != "" {
		if author, err = chatJID(request.Author); err != nil {
			return 0, nil, err
		}
	}
	id, err := account.phone.React(r.Context(), chat, author, request.ID, request.Emoji)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"id": id}, nil
}

func (s *Server) controlAuto(r *http.Request) (int, any, error) {
	account, err := s.pathAccount(r)
	if err != nil {
		return 0, nil, err
	}
	var request struct {
		Reply string `json:"reply"`
		Read  bool   `json:"read"`
	}
	if err = decode(r, &request); err != nil {
		return 0, nil, err
	}
	account.phone.AutoRead(request.Read)
	if request.Reply == "" {
		account.phone.AutoReply(nil)
	} else {
		account.phone.AutoReply(func(m phone.Received) string { return strings.ReplaceAll(request.Reply, "%s", m.Text) })
	}
	return http.StatusOK, map[string]any{}, nil
}
