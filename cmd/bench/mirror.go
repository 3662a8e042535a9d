package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/cmd/internal/stack"
)

// mirror measures reading what an account has collected: all of 5,000 chats, and
// the newest messages of a chat of 100,000. The baseline reads the same rows
// from Postgres in this process and does nothing with them.
func mirror(ctx context.Context, l *benchLab) error {
	chats, messages := l.of(5000, 500), l.of(100_000, 5000)
	return l.withDatabase(ctx, func(base string) error {
		database, err := fresh(ctx, base, "bench_mirror")
		if err != nil {
			return err
		}
		return l.with(ctx, func(s *stack.Stack) error {
			return l.readMirror(ctx, s, database, chats, messages)
		}, "WAM_DATABASE_URL="+database)
	})
}

func (l *benchLab) readMirror(ctx context.Context, s *stack.Stack, database string, chats, messages int) error {
	all, err := l.link(ctx, s, 1)
	if err != nil {
		return err
	}
	one := all[0]
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := fill(ctx, conn, one.id, chats, messages); err != nil {
		return err
	}
	for _, m := range []struct {
		what, method, params, sql string
	}{
		{
			fmt.Sprintf("getChats of %d, again", chats), "getChats", `[]`,
			`select c.*, m.* from chats c left join lateral (select * from messages m where m.instance_id = c.instance_id and m.chat = c.id order by timestamp desc, position desc limit 1) m on true where c.instance_id = $1`,
		},
		{
			fmt.Sprintf("fetchMessages 50 of %d", messages), "Chat.fetchMessages", `["4915000000000@c.us",{"limit":50}]`,
			`select * from messages where instance_id = $1 and chat = '4915000000000@c.us' order by timestamp desc, position desc limit 50`,
		},
		{
			"searchMessages", "searchMessages", `["number 4711",{"limit":20}]`,
			`select * from messages where instance_id = $1 and body ilike '%number 4711%' order by timestamp desc limit 20`,
		},
	} {
		ours, err := timed(ctx, l.of(60, 5), func() error {
			return ask(ctx, s.Client.Base+"/api/proxy/"+one.key+"/"+m.method, m.params)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", m.method, err)
		}
		direct, err := timed(ctx, l.of(60, 5), func() error {
			rows, err := conn.Query(ctx, m.sql, one.id)
			if err != nil {
				return err
			}
			rows.Close()
			return rows.Err()
		})
		if err != nil {
			return fmt.Errorf("%s: %w", m.method, err)
		}
		l.table.row(m.what, latencies(ours), latencies(direct)+"  the rows from Postgres", "p50 below 50 ms")
	}
	return nil
}

// fresh makes a database of its own on the cluster.
func fresh(ctx context.Context, base, name string) (string, error) {
	for _, sql := range []string{"drop database if exists " + name, "create database " + name} {
		if err := execute(ctx, base, sql); err != nil {
			return "", err
		}
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("read database URL: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// fill writes as the worker does: a text in every chat, and many in the first.
func fill(ctx context.Context, conn *pgx.Conn, instance string, chats, messages int) error {
	raw, err := proto.Marshal(&waE2E.Message{Conversation: proto.String("a message of ordinary length, as people write them")})
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	for _, sql := range []string{
		`insert into chats (instance_id, id, timestamp) select $1, (4915000000000 + n) || '@c.us', 1700000000 + n from generate_series(0, $2::int - 1) n`,
		`insert into contacts (instance_id, id, push_name) select $1, (4915000000000 + n) || '@c.us', 'Person ' || n from generate_series(0, $2::int - 1) n`,
	} {
		if _, err := conn.Exec(ctx, sql, instance, chats); err != nil {
			return fmt.Errorf("fill mirror: %w", err)
		}
	}
	insert := `insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, body, ack, raw)
		select $1, (4915000000000 + %s) || '@c.us', '3EB0' || lpad(to_hex(n), 18, '0') || '%s', n %% 2 = 0, (4915000000000 + %s) || '@c.us', 1600000000 + n, 'chat', 'message number ' || n, 1, $3 from generate_series(0, $2::int - 1) n`
	for _, part := range []struct {
		chat, mark string
		n          int
	}{{"n", "A", chats}, {"0", "B", messages}} {
		if _, err := conn.Exec(ctx, fmt.Sprintf(insert, part.chat, part.mark, part.chat), instance, part.n, raw); err != nil {
			return fmt.Errorf("fill mirror: %w", err)
		}
	}
	_, err = conn.Exec(ctx, `analyze`)
	return err
}

func timed(ctx context.Context, n int, f func() error) (each []time.Duration, err error) {
	for range n {
		began := time.Now()
		if err := f(); err != nil {
			return nil, err
		}
		each = append(each, time.Since(began))
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return each[len(each)/5:], nil // the first ones warm the caches
}

func ask(ctx context.Context, address, params string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(`{"params":`+params+`}`))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return errors.New("a request failed") // its error would show the key
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %s: %.200s", resp.Status, body)
	}
	return err
}
