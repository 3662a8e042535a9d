package api

import (
	"context"
	"net/http"

	"whatsapp-manager/api/route"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/supervisor/store"
)

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

func (s *Server) sendRoutes() {
	one := route.OfInstance("get-send", http.MethodGet, "/{id}/sends/{key}", "What became of a send", http.StatusOK)
	one.Description = "For sends with an Idempotency-Key, queued ones, and those whose failure told a key. Kept for 24 hours after the end. 404 within that time: nothing was sent under this key."
	one.Tags = []string{"Messages"}
	route.Add(s.router, route.OwnInstance, one, s.getSend)
	all := route.OfInstance("list-sends", http.MethodGet, "/{id}/sends", "List sends with a key, newest first", http.StatusOK)
	all.Tags = []string{"Messages"}
	route.Add(s.router, route.OwnInstance, all, s.listSends)
}

func (s *Server) getSend(ctx context.Context, in *sends.SendPath) (*sendOutput, error) {
	row, err := s.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	send, err := s.store.Send(ctx, row.ID, in.Key)
	if err != nil {
		return nil, err
	}
	out := &sendOutput{}
	out.Body.Send, err = s.sender.View(ctx, send)
	return out, err
}

func (s *Server) listSends(ctx context.Context, in *struct {
	route.InstancePath
	route.Paging
	State string `query:"state" enum:"running,queued,sent,failed,unknown,cancelled" doc:"Only those"`
}) (*sendsOutput, error) {
	row, err := s.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rows, total, err := s.store.Sends(ctx, row.ID, store.SendState(in.State), in.Offset(), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &sendsOutput{}
	out.Body.Sends = make([]sends.SendView, len(rows))
	for i, send := range rows {
		if out.Body.Sends[i], err = s.sender.View(ctx, send); err != nil {
			return nil, err
		}
	}
	out.Body.Pagination = in.Of(total)
	return out, nil
}
