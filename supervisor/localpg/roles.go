package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"whatsapp-manager/proto/pgscram"
)

// Roles of the cluster. The superuser is for this package alone; the owner has
// the database and makes further roles, and is what URL names.
const (
	superuser  = "cluster_admin"
	converting = "cluster_conversion" // a superuser while an older cluster gets its roles
)

// The files with their passwords, for us alone.
func (p place) superuserSecret() string { return filepath.Join(p.home, "superuser.secret") }
func (p place) ownerSecret() string     { return filepath.Join(p.home, "owner.secret") }
func (p place) accessFile() string      { return filepath.Join(p.data(), "pg_hba.conf") }

// access is the whole of pg_hba.conf: who runs as our user, or reaches the
// socket otherwise, still has to know a password.
const access = `# Written at every start.
local all all scram-sha-256
`

// secret reads a password, or makes one that stays.
func secret(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		password := pgscram.Secret()
		return password, writeFile(path, password+"\n")
	}
	if err != nil {
		return "", err
	}
	password := strings.TrimSpace(string(b))
	if password == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return password, nil
}

// login is a role and its password; an empty one is not sent.
type login struct{ role, password string }

func (c *Cluster) connect(ctx context.Context, as login, db string) (*pgx.Conn, error) {
	conf, err := pgx.ParseConfig(socketURL(c.socket, db, as))
	if err != nil {
		return nil, errors.New("make connection string") // the cause may quote the password
	}
	conf.ConnectTimeout = connectTimeout
	return pgx.ConnectConfig(ctx, conf)
}

// within runs statements on a connection of their own.
func (c *Cluster) within(ctx context.Context, as login, db string, do func(*pgx.Conn) error) error {
	conn, err := c.connect(ctx, as, db)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return do(conn)
}

func (c *Cluster) run(ctx context.Context, as login, db string, statements ...string) error {
	return c.within(ctx, as, db, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			for _, sql := range statements {
				if _, err := tx.Exec(ctx, sql); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// refused tells that the server answered, and that it knows no such role or
// password.
func refused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && strings.HasPrefix(pg.Code, invalidAuthClass)
}

// secure makes sure that the cluster has its two roles, that nobody gets in
// without a password, that the owner's database is there, and that whoever is
// neither of the two can do little.
func (c *Cluster) secure(ctx context.Context, cfg Config) error {
	boss, err := secret(c.place.superuserSecret())
	if err != nil {
		return fmt.Errorf("read superuser's password: %w", err)
	}
	own, err := secret(c.place.ownerSecret())
	if err != nil {
		return fmt.Errorf("read owner's password: %w", err)
	}
	admin := login{superuser, boss}
	c.owner = login{owner, own}
	if err := c.convert(ctx, admin, cfg); err != nil {
		return fmt.Errorf("convert to roles with passwords: %w", err)
	}
	if err := c.openSocket(); err != nil {
		return fmt.Errorf("open socket to workers: %w", err)
	}
	done := ""
	err = c.within(ctx, admin, "postgres", func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `select coalesce(shobj_description(oid, 'pg_authid'), '') from pg_roles where rolname = $1`, owner).Scan(&done)
	})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("look at roles: %w", err)
	}
	if done == hardened(cfg) {
		if err = c.within(ctx, c.owner, database, func(conn *pgx.Conn) error { return conn.Ping(ctx) }); err == nil || !refused(err) {
			return err
		}
		// The file with the password was lost and made anew.
	}
	if err := c.endSuperusers(ctx, admin); err != nil {
		return err
	}
	return c.harden(ctx, admin, cfg)
}

// openSocket does for a cluster that an earlier build started what start does:
// workers of a manager that is root are of another user than the cluster's.
func (c *Cluster) openSocket() error {
	if os.Geteuid() != 0 {
		return nil
	}
	root := account{drop: true}
	return errors.Join(os.Chmod(c.socket, socketDirMode(root)), os.Chmod(filepath.Join(c.socket, socketName), socketMode(root)))
}

// hardened is noted at the owner's role when everything in harden is done.
func hardened(cfg Config) string {
	if cfg.ManyDatabases {
		return "whatsapp-manager 1, many databases"
	}
	return "whatsapp-manager 1"
}

func (c *Cluster) harden(ctx context.Context, admin login, cfg Config) error {
	verifier, err := pgscram.Verifier(c.owner.password)
	if err != nil {
		return err
	}
	attributes := "login createrole nosuperuser nobypassrls noreplication nocreatedb"
	if cfg.ManyDatabases {
		attributes = strings.ReplaceAll(attributes, "nocreatedb", "createdb")
	}
	statements := []string{
		"do $$ begin create role " + owner + "; exception when duplicate_object then null; end $$",
		"alter role " + owner + " " + attributes + " password '" + verifier + "'",
		"alter role " + owner + " set temp_file_limit = -1", // it makes indexes over everything
		"drop role if exists " + converting,
		"revoke all on database postgres, template1 from public",
	}
	if err := c.run(ctx, admin, "postgres", statements...); err != nil {
		return fmt.Errorf("make roles: %w", err)
	}
	// New databases are copies of template1, with what is revoked in it.
	if err := c.run(ctx, admin, "template1", leaveLittle...); err != nil {
		return fmt.Errorf("revoke what nobody needs: %w", err)
	}
	if err := c.createDatabase(ctx, admin); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	if err := c.run(ctx, admin, database, append(leaveLittle, handOver)...); err != nil {
		return fmt.Errorf("hand database over to its owner: %w", err)
	}
	return c.run(ctx, admin, "postgres",
		"alter database "+database+" owner to "+owner,
		"revoke all on database "+database+" from public",
		"comment on role "+owner+" is '"+hardened(cfg)+"'")
}

// leaveLittle takes from everybody but the owner, in one database, what a
// worker has no use for: large objects would outlive it, advisory locks stop
// others, languages run anything.
var leaveLittle = []string{
	"revoke create on schema public from public",
	"revoke usage on language plpgsql, sql from public",
	"grant usage on language plpgsql, sql to " + owner,
	`do $$
declare f regprocedure;
begin
	for f in select oid::regprocedure from pg_proc where pronamespace = 'pg_catalog'::regnamespace
		and proname ~ '^(lo_|loread$|lowrite$|pg_(try_)?advisory_|pg_logical_emit_message$|pg_export_snapshot$)'
	loop
		execute format('revoke execute on function %s from public', f);
		if f::text ~ '^pg_(try_)?advisory_' then
			execute format('grant execute on function %s to ` + owner + `', f);
		end if;
	end loop;
end $$`,
}

// handOver gives the owner what the bootstrap superuser (role 10) made in this
// database: an older cluster had no other role.
const handOver = `do $$
declare statement text;
begin
	for statement in
		select format('alter schema %I owner to ` + owner + `', n.nspname) from pg_namespace n
		where n.nspowner = 10 and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
		union all
		select format('alter %s %s owner to ` + owner + `',
			case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' when 'f' then 'foreign table' else 'table' end, c.oid::regclass)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relowner = 10 and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
			-- what belongs to a column or an extension follows it
			and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i', 'e'))
		union all
		select format('alter type %s owner to ` + owner + `', t.oid::regtype) from pg_type t join pg_namespace n on n.oid = t.typnamespace
		where t.typowner = 10 and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
			and (t.typtype in ('e', 'd', 'r') or exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
			and not exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
		union all
		select format('alter routine %s owner to ` + owner + `', p.oid::regprocedure) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
		where p.proowner = 10 and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
			and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
	loop
		execute statement;
	end loop;
end $$`

func (c *Cluster) createDatabase(ctx context.Context, admin login) error {
	return c.within(ctx, admin, "postgres", func(conn *pgx.Conn) error {
		var there bool
		if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", database).Scan(&there); err != nil || there {
			return err
		}
		_, err := conn.Exec(ctx, "create database "+database+" owner "+owner)
		return err
	})
}
