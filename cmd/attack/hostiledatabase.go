package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// reachDatabase uses the credentials that the worker was given.
func reachDatabase(ctx context.Context, boot *workerv1.Bootstrap, t targets) []probe {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, boot.GetDatabaseUrl())
	if err != nil {
		return []probe{{Tried: "connect to Postgres", Error: err.Error()}}
	}
	defer conn.Close(context.WithoutCancel(ctx))
	all := reachTables(ctx, conn, boot.GetInstance(), t)
	for _, statement := range []string{
		"copy (select 1) to program 'true'", "copy (select 1) to '/tmp/planted'",
		"create temp table x (y text); copy x from '/etc/passwd'",
		"select pg_read_file('postgresql.conf')", "select pg_ls_dir('.')", "select * from pg_authid", "select lo_create(0)",
		"select lo_import('/etc/passwd')",
		"create extension dblink", "create extension file_fdw", "create language plperlu",
		"create table public.planted (x int)", "create schema planted",
		"create function public.planted() returns int language sql as 'select 1'", "alter role current_user superuser",
		"create role planted", "alter role current_user connection limit -1",
		"set role whatsapp_manager", "set session authorization whatsapp_manager", "drop table messages",
		"alter table messages disable row level security", "truncate messages",
		"alter system set fsync to off", "create database planted", "select pg_reload_conf()",
		"select pg_advisory_lock(1)", "checkpoint",
		"create publication planted for all tables",
	} {
		_, err := conn.Exec(ctx, statement)
		if err != nil && !refusal(err) {
			err = nil // it failed for another reason than that it is not allowed
		}
		all = append(all, tried(statement, err))
	}
	// Of others' backends, which are also those of the manager.
	var others, ended int
	err = conn.QueryRow(ctx, "select count(*) from pg_stat_activity where usename <> current_user and query <> '<insufficient privilege>' and query <> ''").Scan(&others)
	all = append(all, probe{
		Tried: "read others' statements", Got: err == nil && others > 0,
		Error: fmt.Sprintf("%d seen", others),
	})
	rows, err := conn.Query(ctx, "select pid from pg_stat_activity where usename <> current_user and backend_type = 'client backend'")
	if err == nil {
		pids, _ := pgx.CollectRows(rows, pgx.RowTo[int32])
		for _, pid := range pids {
			if _, err := conn.Exec(ctx, "select pg_cancel_backend($1)", pid); err == nil {
				ended++
			}
		}
	}
	all = append(all, probe{Tried: "cancel others' statements", Got: ended > 0, Error: fmt.Sprintf("%d cancelled", ended)})
	for _, name := range []string{"postgres", "template1"} {
		cfg := conn.Config().Copy()
		cfg.Database = name
		c, err := pgx.ConnectConfig(ctx, cfg)
		if err == nil {
			_ = c.Close(ctx)
		}
		all = append(all, tried("connect to the database "+name, err))
	}
	for _, user := range []string{"postgres", "whatsapp_manager"} {
		cfg := conn.Config().Copy()
		cfg.User = user
		c, err := pgx.ConnectConfig(ctx, cfg)
		if err == nil {
			_ = c.Close(ctx)
		}
		all = append(all, tried("log in as "+user, err))
	}
	return all
}

// reachTables counts rows of others in every table that there is, and tries to
// change them.
func reachTables(ctx context.Context, conn *pgx.Conn, mine string, t targets) []probe {
	rows, err := conn.Query(ctx, `select n.nspname, c.relname, coalesce((select a.attname from pg_attribute a where a.attrelid = c.oid and a.attname in ('instance_id', 'our_jid', 'jid') order by a.attname = 'instance_id' desc limit 1), '')
		from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') order by 1, 2`)
	if err != nil {
		return []probe{tried("list the tables", nil)}
	}
	type table struct{ Schema, Name, Owner string }
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[table])
	if err != nil {
		return []probe{tried("list the tables", nil)}
	}
	var all []probe
	for _, table := range tables {
		name := pgx.Identifier{table.Schema, table.Name}.Sanitize()
		where := ""
		switch table.Owner {
		case "instance_id":
			where = " where instance_id <> '" + mine + "'"
		case "our_jid", "jid":
			where = " where " + table.Owner + " = '" + t.VictimDevice + "'"
		}
		if table.Name == "instances" {
			where = " where id <> '" + mine + "'"
		}
		if table.Name == "goose_db_version" || table.Name == "whatsmeow_version" {
			continue // numbers that every build knows
		}
		var n int
		err := conn.QueryRow(ctx, "select count(*) from "+name+where).Scan(&n)
		all = append(all, probe{Tried: "read others' rows of " + table.Name, Got: err == nil && n > 0, Error: said(err, n)})
		tag, err := conn.Exec(ctx, "delete from "+name+where)
		all = append(all, probe{
			Tried: "delete others' rows of " + table.Name, Got: err == nil && tag.RowsAffected() > 0,
			Error: said(err, int(tag.RowsAffected())),
		})
	}
	return all
}

func said(err error, n int) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d rows", n)
}

// refusal tells Postgres' "you may not" from other failures.
func refusal(err error) bool {
	var pg interface{ SQLState() string }
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.SQLState() {
	case "42501", "28000", "0A000", "0LP01":
		return true
	}
	return strings.Contains(err.Error(), "permission denied") || strings.Contains(err.Error(), "must be")
}
