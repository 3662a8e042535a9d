package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api/route"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

const (
	// logTail is how much of a worker's log is looked at from its end.
	logTail   = 512 << 10
	statsTime = 3 * time.Second
)

// workerInfo are the routes that look at one worker: its history, figures and log.
type workerInfo struct {
	router     *route.Router
	auth       instanceFinder
	supervisor statusAndWorker
	records    histories
	logDir     string // empty: no logs are shown
}

type statusAndWorker interface {
	sends.Workers
	Status(id supervisor.ID) (supervisor.Status, bool)
}

type histories interface {
	History(ctx context.Context, id supervisor.ID, offset, limit int) ([]supervisor.Transition, int, error)
}

func (h *workerInfo) routes() {
	op := func(id, path, summary string) huma.Operation {
		return route.OfInstance(id, http.MethodGet, "/{id}"+path, summary, http.StatusOK)
	}
	route.Add(h.router, route.OwnInstance, op("instance-history", "/history", "Every change of the worker's state, newest first"), h.history)
	route.Add(h.router, route.OwnInstance, op("instance-stats", "/stats", "Counters and memory of the worker since it started"), h.stats)
	route.Add(h.router, route.OwnInstance, op("instance-logs", "/logs", "The end of the worker's log"), h.logs)
}

// TransitionView is one line of an instance's history.
type TransitionView struct {
	From       string    `json:"from"`
	To         string    `json:"to"`
	Why        string    `json:"why"`
	Generation uint64    `json:"generation"`
	At         time.Time `json:"at"`
}

type historyOutput struct {
	Body struct {
		History    []TransitionView `json:"history"`
		Pagination route.Pagination `json:"pagination"`
	}
}

func (h *workerInfo) history(ctx context.Context, in *struct {
	route.InstancePath
	route.Paging
},
) (*historyOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, total, err := h.records.History(ctx, row.ID, in.Offset(), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &historyOutput{}
	out.Body.History = make([]TransitionView, 0, len(list))
	for _, t := range list {
		out.Body.History = append(out.Body.History, TransitionView{From: string(t.From), To: string(t.To), Why: t.Why, Generation: t.Generation, At: t.At})
	}
	out.Body.Pagination = in.Of(total)
	return out, nil
}

type statsOutput struct {
	Body struct {
		Running         bool       `json:"running" doc:"false: there is no worker to ask, all counters are zero"`
		HeapBytes       uint64     `json:"heapBytes"`
		Goroutines      uint64     `json:"goroutines"`
		MessagesIn      uint64     `json:"messagesIn"`
		MessagesOut     uint64     `json:"messagesOut"`
		Events          uint64     `json:"events"`
		HandlerFailures uint64     `json:"handlerFailures"`
		Reconnects      uint64     `json:"reconnects"`
		LastEventAt     *time.Time `json:"lastEventAt,omitempty"`
		Memory          Memory     `json:"memory"`
		CPUPercent      float64    `json:"cpuPercent"`
		FeedHead        uint64     `json:"feedHead"`
	}
}

func (h *workerInfo) stats(ctx context.Context, in *route.InstancePath) (*statsOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &statsOutput{}
	st, _ := h.supervisor.Status(row.ID)
	out.Body.Memory, out.Body.CPUPercent, out.Body.FeedHead = Memory{RSSBytes: st.RSSBytes, LimitBytes: st.LimitBytes}, st.CPUPercent, st.FeedHead
	if st.State != supervisor.Running {
		return out, nil
	}
	worker, err := h.supervisor.Worker(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, statsTime)
	defer cancel()
	answer, err := worker.Stats(ctx, &workerv1.StatsRequest{})
	if err != nil {
		return nil, err
	}
	b := &out.Body
	b.Running, b.HeapBytes, b.Goroutines = true, answer.GetHeapBytes(), answer.GetGoroutines()
	b.MessagesIn, b.MessagesOut, b.Events = answer.GetMessagesIn(), answer.GetMessagesOut(), answer.GetEvents()
	b.HandlerFailures, b.Reconnects, b.LastEventAt = answer.GetHandlerFailures(), answer.GetReconnects(), workerv1.TimeOf(answer.GetLastEventAt())
	return out, nil
}

type logsOutput struct {
	Body struct {
		Lines []string `json:"lines" doc:"Oldest first"`
	}
}

func (h *workerInfo) logs(ctx context.Context, in *struct {
	route.InstancePath
	Lines int `query:"lines" minimum:"1" maximum:"1000" default:"100"`
},
) (*logsOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &logsOutput{}
	out.Body.Lines = []string{}
	if h.logDir == "" {
		return out, nil
	}
	tail, err := readTail(filepath.Join(h.logDir, string(row.ID)+".log"), logTail)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "api.logs", err, "internal error")
	}
	lines := strings.Split(strings.ToValidUTF8(string(bytes.TrimRight(tail, "\n")), "\uFFFD"), "\n")
	if len(tail) > 0 {
		out.Body.Lines = lines[max(0, len(lines)-in.Lines):]
	}
	return out, nil
}

// readTail returns whole lines from the end of the file, up to size bytes.
func readTail(name string, size int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-size)
	data, err := io.ReadAll(io.NewSectionReader(f, from, info.Size()-from))
	if from > 0 {
		if _, rest, ok := bytes.Cut(data, []byte("\n")); ok {
			data = rest
		}
	}
	return data, err
}
