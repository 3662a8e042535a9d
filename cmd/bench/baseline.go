package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"

	"whatsapp-manager/worker/wasim"
)

// baseline is whatsmeow as a program would use it that runs all accounts in one
// process: its own handlers, its own store in Postgres, nothing around it.
type baseline struct {
	*whatsmeow.Client
	account *wasim.Account
	close   func()
}

// withBaseline pairs n accounts with clients in this process and runs f.
func withBaseline(ctx context.Context, l *benchLab, n int, onMessage func(*events.Message),
	f func([]*baseline) error,
) error {
	return l.withDatabase(ctx, func(url string) (err error) {
		db, err := sql.Open("pgx", url)
		if err != nil {
			return fmt.Errorf("open database: %w", err)
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		container := sqlstore.NewWithDB(db, "postgres", waLog.Noop)
		if err := container.Upgrade(ctx); err != nil {
			return fmt.Errorf("create whatsmeow's tables: %w", err)
		}
		var all []*baseline
		defer func() {
			for _, b := range all {
				b.close()
			}
		}()
		for range n {
			b, err := l.pairBaseline(ctx, container, onMessage)
			if err != nil {
				return err
			}
			all = append(all, b)
		}
		return f(all)
	})
}

func (l *benchLab) pairBaseline(ctx context.Context, container *sqlstore.Container,
	onMessage func(*events.Message),
) (*baseline, error) {
	account, err := l.person()
	if err != nil {
		return nil, err
	}
	client := whatsmeow.NewClient(container.NewDevice(), waLog.Noop)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, l.Sim.Address())
	}
	transport := &http.Transport{DialContext: dial, DialTLSContext: dial}
	web := &http.Client{Transport: transport}
	client.SetWebsocketHTTPClient(web)
	client.SetPreLoginHTTPClient(web)
	client.SetMediaHTTPClient(web)
	codes, connected := make(chan string, 1), make(chan struct{})
	var once sync.Once
	client.AddEventHandler(func(event any) {
		switch e := event.(type) {
		case *events.QR:
			select {
			case codes <- e.Codes[0]:
			default:
			}
		case *events.Connected:
			once.Do(func() { close(connected) })
		case *events.Message:
			if onMessage != nil {
				onMessage(e)
			}
		}
	})
	b := &baseline{
		Client: client, account: account,
		close: func() { client.Disconnect(); transport.CloseIdleConnections() },
	}
	if err := client.ConnectContext(ctx); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	for _, step := range []func() error{
		func() error { return account.ScanQR(ctx, <-codes) },
		func() error { return newest(account).WaitIdle(ctx) },
	} {
		if err := step(); err != nil {
			b.close()
			return nil, fmt.Errorf("pair: %w", err)
		}
	}
	select {
	case <-connected:
		return b, nil
	case <-ctx.Done():
		b.close()
		return nil, ctx.Err()
	}
}
