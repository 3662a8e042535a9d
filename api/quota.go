package api

import (
	"context"
	"fmt"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/proto/fault"
)

// places are the instances that are being made and stand in no count yet. Making one may
// take long (an import), so nobody else waits for it but where it takes the last place.
type places struct {
	turn  chan struct{}  // holds a token while instances are counted
	taken map[string]int // by owner; guarded by turn
	all   int            // guarded by turn
	freed chan struct{}  // closed when a place is given back; guarded by turn
}

func newPlaces() *places {
	return &places{turn: make(chan struct{}, 1), taken: map[string]int{}, freed: make(chan struct{})}
}

// take takes a place for an owner until release is called. room reports whether there is
// one besides those that are taken, and an error when there is none without them either.
func (p *places) take(ctx context.Context, owner string, room func(own, all int) (bool, error)) (release func(), err error) {
	for {
		select {
		case p.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		ok, err := room(p.taken[owner], p.all)
		freed := p.freed
		if ok && err == nil {
			p.taken[owner]++
			p.all++
		}
		<-p.turn
		if err != nil {
			return nil, err
		}
		if ok {
			return func() { p.release(owner) }, nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (p *places) release(owner string) {
	p.turn <- struct{}{}
	p.all--
	if p.taken[owner]--; p.taken[owner] == 0 {
		delete(p.taken, owner)
	}
	close(p.freed)
	p.freed = make(chan struct{})
	<-p.turn
}

// room reports whether the user who asks may have one more instance, when own are being
// made for them and all for everybody. The error is that of a limit which is reached.
func (h *instances) room(ctx context.Context, own, all int) (bool, error) {
	u := *auth.Of(ctx).User
	most := h.cfg.UserInstances
	if auth.Of(ctx).IsAdmin() {
		most = 0
	}
	if u.MaxInstances != nil {
		most = *u.MaxInstances
	}
	for _, limit := range []struct {
		owner       string
		most, taken int
	}{{u.ID, most, own}, {"", h.cfg.MaxInstances, all}} {
		if limit.most <= 0 {
			continue
		}
		_, total, err := h.store.Instances(ctx, limit.owner, 0, 1)
		if err != nil {
			return false, err
		}
		if total >= limit.most {
			msg := "the installation has as many instances as it may have"
			if limit.owner != "" {
				msg = fmt.Sprintf("you have %d instances and may not create more; an administrator can allow it", total)
			}
			return false, &fault.Error{Kind: fault.Forbidden, Op: "api.createInstance", Code: "instance_limit", Msg: msg}
		}
		if total+limit.taken >= limit.most {
			return false, nil
		}
	}
	return true, nil
}
