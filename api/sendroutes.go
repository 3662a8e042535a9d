package api

import (
	"context"
	"net/http"

	"whatsapp-manager/api/route"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// sendPages reads the records of sends.
type sendPages interface {
	sendLookup
	Sends(ctx context.Context, instance supervisor.ID, state store.SendState, offset, limit int) ([]store.Send, int, error)
}

// SendPath names a send.
type SendPath struct {
	route.InstancePath
	Key string `path:"key" minLength:"1" maxLength:"255" doc:"The Idempotency-Key of the send, or the key that its failure named"`
}

type sendOutput struct {
	Body struct {
		Send sends.SendView `json:"send"`
	}
}

type sendsOutput struct {
	Body struct {
		Sends      []sends.SendView `json:"sends"`
		Pagination route.Pagination `json:"pagination"`
	}
}

func (h *messages) sendRoutes() {
	one := route.OfInstance("get-send", http.MethodGet, "/{id}/sends/{key}", "Show what became of a send", http.StatusOK)
	one.Description = "Works for sends with an Idempotency-Key, for queued sends, and for sends whose failure named a key. They are kept for 24 hours after their end. 404 within that time means that nothing was sent under this key."
	one.Tags = []string{"Messages"}
	route.Add(h.router, route.OwnInstance, one, h.getSend)
	all := route.OfInstance("list-sends", http.MethodGet, "/{id}/sends", "List sends with a key, newest first", http.StatusOK)
	all.Tags = []string{"Messages"}
	route.Add(h.router, route.OwnInstance, all, h.listSends)
}

func (h *messages) getSend(ctx context.Context, in *SendPath) (*sendOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	send, err := h.sends.Send(ctx, row.ID, in.Key)
	if err != nil {
		return nil, err
	}
	out := &sendOutput{}
	out.Body.Send, err = h.sender.View(ctx, send)
	return out, err
}

func (h *messages) listSends(ctx context.Context, in *struct {
	route.InstancePath
	route.Paging
	State string `query:"state" enum:"running,queued,sent,failed,unknown,cancelled" doc:"Only sends in this state"`
},
) (*sendsOutput, error) {
	row, err := h.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rows, total, err := h.sends.Sends(ctx, row.ID, store.SendState(in.State), in.Offset(), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &sendsOutput{}
	out.Body.Sends = make([]sends.SendView, len(rows))
	for i, send := range rows {
		if out.Body.Sends[i], err = h.sender.View(ctx, send); err != nil {
			return nil, err
		}
	}
	out.Body.Pagination = in.Of(total)
	return out, nil
}
