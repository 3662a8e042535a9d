package signalcache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.mau.fi/whatsmeow/store"

	"whatsapp-manager/worker/signalstore"
)

const (
	maxRows  = 8192
	maxBytes = 4 << 20 // of rows that are as in the tables; those to be written come on top
)

// table is one of whatsmeow's tables.
type table uint8

const (
	sessions table = iota
	identities
	senderKeys
	preKeys
	secrets
	outgoing
	buffered
	tables
)

// key is a row's key within the device.
type key struct {
	table   table
	a, b, c string
}

// row is the content of a row; absent says that there is none.
type row struct {
	absent bool
	value  []byte
	format string // of an outgoing message
	at     int64  // as the table has it
}

func (r row) size() int { return len(r.value) + 128 }

func (r row) content() []byte {
	if r.absent {
		return nil
	}
	return r.value
}

// Settings are what a Cache needs.
type Settings struct {
	// Pool finds whatsmeow's tables.
	Pool *pgxpool.Pool
	// Device is the address of the device as the tables have it.
	Device string
	// Retry repeats a function during an outage of the database; see pgretry.
	Retry func(context.Context, func() error) error
	// Origin is the connection that a decryption belongs to, by its context; nil: there is
	// only one.
	Origin func(context.Context) any
	// Abandoned is how long others wait for a step whose message has no handler; zero: ten
	// seconds.
	Abandoned time.Duration
}

// Cache belongs to one device. It is safe for concurrent use.
type Cache struct {
	Settings
	locks   *signalstore.Locks
	writing chan struct{} // held from the collection of changes until their commit

	mu         sync.Mutex
	rows       *simplelru.LRU[key, row] // as in the tables
	bytes      int
	epoch      uint64 // raised when rows are dropped, so that a read in progress is not kept
	staged     changes
	own        bool // staged has a step that a message may not leave before
	committing bool // so has what is being committed
	step       *Step
	migrated   *simplelru.LRU[string, struct{}]
	gone       bool // the device has been deleted

	left      map[[32]byte]bool // messages whose text is in the event buffer
	leftKnown bool              // left has what the table had at first
	swept     time.Time         // when outgoing messages that are too old were deleted last

	salt      []byte // of the tokens for people who gave none; nil: there is none
	saltKnown bool
}

// changes are rows to be written.
type changes map[key]*row

// New puts a cache in front of whatsmeow's own stores of a device, which are asked for
// what it does not have. Guard comes next, after whatever changes values on their way.
func New(s Settings, device *store.Device) *Cache {
	c := &Cache{
		Settings: s, locks: signalstore.NewLocks(), writing: make(chan struct{}, 1),
		staged: changes{}, left: map[[32]byte]bool{},
	}
	if c.Abandoned == 0 {
		c.Abandoned = abandonedAfter
	}
	// The only error is a size that is not positive.
	c.migrated, _ = simplelru.NewLRU[string, struct{}](maxRows, nil)
	c.rows, _ = simplelru.NewLRU[key, row](maxRows, func(_ key, r row) { c.bytes -= r.size() })
	device.Sessions = sessionStore{device.Sessions, c}
	device.Identities = identityStore{device.Identities, c}
	device.SenderKeys = senderKeyStore{device.SenderKeys, c}
	device.PreKeys = preKeyStore{device.PreKeys, c}
	device.MsgSecrets = secretStore{device.MsgSecrets, c}
	device.EventBuffer = eventBuffer{device.EventBuffer, c}
	device.NCTSalt = saltStore{device.NCTSalt, c}
	return c
}

// stepOf is the open step of whoever calls, nil for everybody else.
func (c *Cache) stepOf(ctx context.Context) *Step {
	s, _ := ctx.Value(stepKey{}).(*Step)
	if s == nil || s.cache != c || s.ended {
		return nil
	}
	return s
}

// known returns a row that is in memory.
func (c *Cache) known(ctx context.Context, k key) (row, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.stepOf(ctx); s != nil {
		if r, ok := s.rows[k]; ok {
			return *r, true
		}
	}
	if r, ok := c.staged[k]; ok {
		return *r, true
	}
	return c.rows.Get(k)
}

// read returns a row, from the table when it is not in memory.
func (c *Cache) read(ctx context.Context, k key, from func() ([]byte, error)) (row, error) {
	if r, ok := c.known(ctx, k); ok {
		return r, nil
	}
	c.mu.Lock()
	epoch := c.epoch
	c.mu.Unlock()
	value, err := from()
	if err != nil {
		return row{}, err
	}
	r := row{absent: value == nil, value: value}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch == epoch {
		c.keep(k, r)
	}
	return r, nil
}

// keep remembers a row that is as in the table. The caller holds mu.
func (c *Cache) keep(k key, r row) {
	if old, ok := c.rows.Peek(k); ok {
		c.bytes -= old.size()
	}
	c.bytes += r.size()
	c.rows.Add(k, r)
	for c.bytes > maxBytes {
		if _, _, ok := c.rows.RemoveOldest(); !ok {
			return
		}
	}
}

// put changes a row, in the step of ctx if there is one. own says that no message may
// leave before it is written.
func (c *Cache) put(ctx context.Context, k key, r row, own bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.stepOf(ctx); s != nil {
		s.rows[k] = &r
		return
	}
	c.staged[k] = &r
	c.own = c.own || own
}

// written waits until what the caller put is committed. In a step it does not.
func (c *Cache) written(ctx context.Context) error {
	c.mu.Lock()
	inStep := c.stepOf(ctx) != nil
	c.mu.Unlock()
	if inStep {
		return nil
	}
	return c.write(ctx, nil)
}

// stages reports whether rows of a table wait to be written.
func (c *Cache) stages(t table) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.staged {
		if k.table == t {
			return true
		}
	}
	return false
}

// around runs fn, which changes rows in the tables themselves.
func (c *Cache) around(t table, prefix string, fn func() error) error {
	c.forget(t, prefix)
	defer c.forget(t, prefix)
	return fn()
}

func (c *Cache) readIdentity(ctx context.Context, address string) (content []byte, err error) {
	err = c.Retry(ctx, func() error {
		err := c.Pool.QueryRow(ctx, "select identity from whatsmeow_identity_keys where our_jid = $1 and their_id = $2",
			c.Device, address).Scan(&content)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	return content, nil
}

// forget drops the rows of a table whose first key begins so, which the caller is about
// to change in the tables.
func (c *Cache) forget(t table, prefix string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for _, k := range c.rows.Keys() {
		if k.table == t && strings.HasPrefix(k.a, prefix) {
			c.rows.Remove(k)
		}
	}
	for k := range c.staged {
		if k.table == t && strings.HasPrefix(k.a, prefix) {
			delete(c.staged, k)
		}
	}
}

// forgetAll drops all rows that are as in the tables.
func (c *Cache) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	c.rows.Purge()
}
