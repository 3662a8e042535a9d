package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store/db"
	"whatsapp-manager/supervisor/store/migrations"
	"whatsapp-manager/supervisor/store/roles"
)

const (
	defaultMaxConns = 16 // of the manager; the workers have their own
	applicationName = "whatsapp-manager"
	connectTimeout  = 10 * time.Second
)

// Store is a pool of connections to the database. Its methods may be called
// from any goroutine.
type Store struct {
	pool  *pgxpool.Pool
	q     *db.Queries
	keys  Keys // nil: secrets are kept as they are; set by UseKeys
	url   string
	roles *roles.Roles // nil: workers are given the store's own URL
}

// Option changes how Open connects.
type Option func(*opening)

type opening struct {
	*pgxpool.Config
	roles *roles.Roles
}

// WithMaxConns sets how many connections the store may hold; 16 is the default.
func WithMaxConns(n int) Option {
	return func(o *opening) { o.MaxConns = int32(n) }
}

// WithRoles has each worker use the database by a role that r makes. Without
// it workers use the store's own, and nothing keeps them apart.
func WithRoles(r *roles.Roles) Option {
	return func(o *opening) { o.roles = r }
}

// Migrate brings the database of url up to our schema. Any number of managers
// may do it at the same time.
func Migrate(ctx context.Context, url string) error {
	if err := migrations.Up(ctx, url); err != nil {
		return failure("store.Migrate", err)
	}
	return nil
}

// Open connects to a migrated database; it fails when the database cannot be
// reached now. Later outages heal by themselves: every call made meanwhile
// returns Unavailable.
func Open(ctx context.Context, url string, opts ...Option) (*Store, error) {
	const op = "store.Open"
	conf, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The parser's text may quote the URL, which may hold a password.
		return nil, fault.Bad(op, "url", "the database URL cannot be read")
	}
	conf.MaxConns = defaultMaxConns
	conf.ConnConfig.ConnectTimeout = connectTimeout
	if conf.ConnConfig.RuntimeParams["application_name"] == "" {
		conf.ConnConfig.RuntimeParams["application_name"] = applicationName
	}
	conf.AfterConnect = inUTC
	o := opening{Config: conf}
	for _, change := range opts {
		change(&o)
	}
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		return nil, failure(op, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, failure(op, err)
	}
	return &Store{pool: pool, q: db.New(pool), url: url, roles: o.roles}, nil
}

// Isolation is how far the database keeps workers apart, for people.
type Isolation struct {
	Level     string // instance, shared or none, see package roles
	Superuser bool   // the manager's own role is one, and need not be
	Why       string // of a level below instance
}

// Isolation tells how far the database keeps workers apart.
func (s *Store) Isolation() Isolation {
	if s.roles == nil {
		return Isolation{Level: string(roles.None), Why: "workers were given no roles"}
	}
	st := s.roles.State()
	return Isolation{Level: string(st.Isolation), Superuser: st.Superuser, Why: st.Why}
}

// Close closes all connections, after the calls in progress have returned.
func (s *Store) Close() { s.pool.Close() }

// What River is given, which keeps its jobs beside our tables.
type (
	// Conns are the connections that its jobs are read and written with.
	Conns = pgxpool.Pool
	// Tx is a transaction that adds a job together with our rows.
	Tx = pgx.Tx
)

// Pool returns the store's connections, for those who keep tables of their own
// beside ours.
func (s *Store) Pool() *Conns { return s.pool }

// Ping returns nil when the database answers.
func (s *Store) Ping(ctx context.Context) error { return failure("store.Ping", s.pool.Ping(ctx)) }

// inUTC makes every time that is read a UTC time, whatever the host's zone.
func inUTC(_ context.Context, c *pgx.Conn) error {
	c.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// inTx runs f in a transaction, which is committed when f returns nil.
func (s *Store) inTx(ctx context.Context, f func(q *db.Queries) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return f(s.q.WithTx(tx)) })
}
