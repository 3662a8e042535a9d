package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// sendClients call at the same time, spread over the instances.
const sendClients = 16

// send measures sendMessage over HTTP; each message is encrypted for a phone,
// which must have received it.
func send(ctx context.Context, l *benchLab) error {
	duration := l.span(8*time.Second, time.Second)
	many := l.of(16, 4)
	var ours, direct [2]load
	err := l.with(ctx, func(s *stack.Stack) error {
		all, err := l.link(ctx, s, many)
		if err != nil {
			return err
		}
		for i, n := range []int{1, many} {
			ours[i], err = l.sends(n, duration, func(from int, to *wasim.Account, text string) error {
				return s.Client.Call(ctx, all[from].key, "sendMessage", nil, to.Number()+"@c.us", text)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = withBaseline(ctx, l, many, nil, func(all []*baseline) error {
		for i, n := range []int{1, many} {
			direct[i], err = l.sends(n, duration, func(from int, to *wasim.Account, text string) error {
				_, err := all[from].SendMessage(ctx, to.PN(), &waE2E.Message{Conversation: proto.String(text)})
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, n := range []int{1, many} {
		l.table.row(fmt.Sprintf("%d instances, %d clients", n, sendClients),
			fmt.Sprintf("%s  %s  (%.2f of baseline)", rate(ours[i].n, ours[i].took), latencies(ours[i].each),
				ours[i].perSecond()/direct[i].perSecond()),
			fmt.Sprintf("%s  %s  whatsmeow directly", rate(direct[i].n, direct[i].took), latencies(direct[i].each)),
			"360-640/s, single-process peers")
	}
	return nil
}

// sends lets clients send through n senders to a phone each, and proves that
// the phones have every message once.
func (l *benchLab) sends(n int, d time.Duration, one func(from int, to *wasim.Account,
	text string) error,
) (load, error) {
	contacts := make([]*wasim.Account, sendClients)
	var arrived sync.Map
	var received, sent, next atomic.Int64
	for i := range contacts {
		var err error
		if contacts[i], err = l.person(); err != nil {
			return load{}, err
		}
		defer contacts[i].Phone().Subscribe(func(r phone.Received) {
			if _, twice := arrived.LoadOrStore(r.ID, true); !twice {
				received.Add(1)
			}
		})()
	}
	free := make(chan int, sendClients)
	for i := range sendClients {
		free <- i
	}
	result, err := repeat(sendClients, d, func() error {
		c := <-free
		defer func() { free <- c }()
		err := one(c%n, contacts[c], fmt.Sprintf("message %d", next.Add(1)))
		if err == nil {
			sent.Add(1)
		}
		return err
	})
	if err != nil {
		return load{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return result, until(ctx, "the phones have every message", 20*time.Millisecond, func() (bool, error) {
		return received.Load() == sent.Load(), fmt.Errorf("%d of %d", received.Load(), sent.Load())
	})
}
