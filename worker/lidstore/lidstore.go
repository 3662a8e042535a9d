package lidstore

import (
	"context"
	"fmt"
	"regexp"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

const (
	cacheSize = 8192 // of each direction; about 3 MB together when full
	batchSize = 1000 // pairs in one statement
)

// users matches the user part of the address of a phone number or a LID.
var users = regexp.MustCompile(`^[0-9]{1,20}$`)

// Store is one instance's pairs in Postgres, with a cache in front. It is safe for
// concurrent use. While the instance's worker runs, nobody else writes the pairs, so the
// cache is never older than the table.
type Store struct {
	pool     *pgxpool.Pool
	instance string
	retry    func(context.Context, func() error) error

	// writing holds a token during a write: two writes about the same person must not
	// overlap. No write waits inside of another transaction, so nobody can hold a row
	// that the owner of the token waits for.
	writing chan struct{}

	news chan struct{} // holds a token after a write

	mu    sync.Mutex
	epoch uint64 // raised by every change that makes a read in progress outdated
	byLID *simplelru.LRU[string, known]
	byPN  *simplelru.LRU[string, known]
}

var _ store.LIDStore = (*Store)(nil)

// known is the knowledge about one side of a pair.
type known struct {
	user string // the other side; empty when there is no pair
	hint bool
}

// New makes the store of an instance. It connects to nothing yet. The pool needs
// keystore.SearchPath to find our tables and whatsmeow's. Every access to the database
// goes through retry, which may call its function again after an outage and decides how
// long to wait.
func New(pool *pgxpool.Pool, instance string, retry func(context.Context, func() error) error) *Store {
	s := &Store{pool: pool, instance: instance, retry: retry, writing: make(chan struct{}, 1), news: make(chan struct{}, 1)}
	s.clear()
	return s
}

func (s *Store) clear() {
	s.epoch++
	// The only error is a size that is not positive.
	s.byLID, _ = simplelru.NewLRU[string, known](cacheSize, nil)
	s.byPN, _ = simplelru.NewLRU[string, known](cacheSize, nil)
}

// present is the number of changes so far.
func (s *Store) present() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// outdate makes what was read before a change of the tables outdated.
func (s *Store) outdate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
}

// GetLIDForPN returns the LID to send to for a phone number, with the device of the phone
// number. It returns the empty JID when no pair is known, or only a hint.
func (s *Store) GetLIDForPN(ctx context.Context, pn types.JID) (types.JID, error) {
	if pn.Server != types.DefaultUserServer {
		return types.JID{}, fmt.Errorf("find LID: %s is no server of phone numbers", pn.Server)
	}
	found, err := s.find(ctx, byPN, pn.User)
	if err != nil || found.user == "" || found.hint {
		return types.JID{}, err
	}
	return types.JID{User: found.user, Device: pn.Device, Server: types.HiddenUserServer}, nil
}

// GetPNForLID returns the phone number of a LID, with its device, and the empty JID when
// none is known.
func (s *Store) GetPNForLID(ctx context.Context, lid types.JID) (types.JID, error) {
	if lid.Server != types.HiddenUserServer {
		return types.JID{}, fmt.Errorf("find phone number: %s is no server of LIDs", lid.Server)
	}
	found, err := s.find(ctx, byLID, lid.User)
	if err != nil || found.user == "" {
		return types.JID{}, err
	}
	return types.JID{User: found.user, Device: lid.Device, Server: types.DefaultUserServer}, nil
}

// GetManyLIDsForPNs is GetLIDForPN for many phone numbers. Numbers without a LID are not
// in the map; addresses that are no phone numbers are ignored.
func (s *Store) GetManyLIDsForPNs(ctx context.Context, pns []types.JID) (map[types.JID]types.JID, error) {
	wanted := make([]string, 0, len(pns))
	for _, pn := range pns {
		if pn.Server == types.DefaultUserServer {
			wanted = append(wanted, pn.User)
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	found, err := s.findMany(ctx, byPN, wanted)
	if err != nil {
		return nil, err
	}
	lids := make(map[types.JID]types.JID, len(pns))
	for _, pn := range pns {
		if lid := found[pn.User]; pn.Server == types.DefaultUserServer && lid.user != "" && !lid.hint {
			lids[pn] = types.JID{User: lid.user, Device: pn.Device, Server: types.HiddenUserServer}
		}
	}
	return lids, nil
}

// Others returns the other address of each of these people of whom it is known, hints
// included, without devices. It is one look-up for each direction.
func (s *Store) Others(ctx context.Context, people []types.JID) (map[types.JID]types.JID, error) {
	others := make(map[types.JID]types.JID, len(people))
	for _, way := range []struct {
		from     side
		of, into string
	}{{byLID, types.HiddenUserServer, types.DefaultUserServer}, {byPN, types.DefaultUserServer, types.HiddenUserServer}} {
		var wanted []string
		for _, jid := range people {
			if jid.Server == way.of {
				wanted = append(wanted, jid.User)
			}
		}
		if len(wanted) == 0 {
			continue
		}
		found, err := s.findMany(ctx, way.from, wanted)
		if err != nil {
			return nil, err
		}
		for user, other := range found {
			if other.user != "" {
				others[types.NewJID(user, way.of)] = types.NewJID(other.user, way.into)
			}
		}
	}
	return others, nil
}

// News holds a token after pairs were written.
func (s *Store) News() <-chan struct{} { return s.news }

// PutLIDMapping records that the two are the same person. That replaces all that was known
// about either.
func (s *Store) PutLIDMapping(ctx context.Context, lid, pn types.JID) error {
	if !isPair(lid, pn) {
		return fmt.Errorf("note pair: %s and %s are not addresses of a LID and a phone number", lid.Server, pn.Server)
	}
	return s.put(ctx, []store.LIDMapping{{LID: lid, PN: pn}})
}

// PutManyLIDMappings is PutLIDMapping for many pairs. Later pairs replace earlier ones;
// entries that are no pairs are ignored.
func (s *Store) PutManyLIDMappings(ctx context.Context, pairs []store.LIDMapping) error {
	for len(pairs) > 0 {
		n := min(len(pairs), batchSize)
		if err := s.put(ctx, pairs[:n]); err != nil {
			return err
		}
		pairs = pairs[n:]
	}
	return nil
}

// Distrust turns all pairs into hints: they came from a device that is gone.
func (s *Store) Distrust(ctx context.Context) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	err = s.retry(ctx, func() error {
		_, err := s.pool.Exec(ctx, "update lid_pairs set hint = true where instance_id = $1 and not hint", s.instance)
		return err
	})
	s.mu.Lock()
	s.clear()
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("distrust pairs: %w", err)
	}
	return nil
}

func isPair(lid, pn types.JID) bool {
	return lid.Server == types.HiddenUserServer && pn.Server == types.DefaultUserServer &&
		users.MatchString(lid.User) && users.MatchString(pn.User)
}

// enter waits until no other write is in progress.
func (s *Store) enter(ctx context.Context) (leave func(), err error) {
	select {
	case s.writing <- struct{}{}:
		return func() { <-s.writing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// side is the column to look in, and so also the cache.
type side string

const (
	byLID side = "lid"
	byPN  side = "pn"
)

func (s *Store) cache(from side) *simplelru.LRU[string, known] {
	if from == byLID {
		return s.byLID
	}
	return s.byPN
}

func (s *Store) find(ctx context.Context, from side, user string) (known, error) {
	found, err := s.findMany(ctx, from, []string{user})
	return found[user], err
}

// planned makes Postgres plan a statement each time. A cached plan may come from a time
// when the table was empty; it then reads all of an instance's pairs for each one that is
// looked up.
const planned = pgx.QueryExecModeExec

var queries = map[side]string{
	byLID: "select lid, pn, hint from lid_pairs where instance_id = $1 and lid = any($2::text[])",
	byPN:  "select pn, lid, hint from lid_pairs where instance_id = $1 and pn = any($2::text[])",
}

// findMany answers from the cache and reads the rest from the table.
func (s *Store) findMany(ctx context.Context, from side, wanted []string) (map[string]known, error) {
	found := make(map[string]known, len(wanted))
	var missing []string
	s.mu.Lock()
	for _, user := range wanted {
		if _, have := found[user]; have || !users.MatchString(user) {
			continue
		}
		if k, ok := s.cache(from).Get(user); ok {
			found[user] = k
		} else {
			found[user] = known{}
			missing = append(missing, user)
		}
	}
	epoch := s.epoch
	s.mu.Unlock()
	if len(missing) == 0 {
		return found, nil
	}
	err := s.retry(ctx, func() error {
		rows, _ := s.pool.Query(ctx, queries[from], planned, s.instance, missing) // its error comes with the rows
		var user string
		var other known
		_, err := pgx.ForEachRow(rows, []any{&user, &other.user, &other.hint}, func() error {
			found[user] = other
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find pairs: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == epoch { // otherwise a write may have made it outdated, and an absence would be cached for ever
		for _, user := range missing {
			s.cache(from).Add(user, found[user])
		}
	}
	return found, nil
}
