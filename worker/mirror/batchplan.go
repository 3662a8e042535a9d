package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	payload "whatsapp-manager/proto/event"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// plan is the content of one transaction. put records statements instead of running them,
// so its methods return no rows and no errors.
type plan struct {
	put       *db.Queries
	recorded  recorder
	events    []event
	checkKeys bool     // an event may be in the feed already: ask before writing
	after     []func() // changes of the cache, to make after the commit
}

type event struct {
	key, kind, lane string
	payload         []byte
	at              time.Time
}

func newPlan() *plan {
	p := &plan{}
	p.put = db.New(&p.recorded)
	return p
}

func (p *plan) then(f func()) { p.after = append(p.after, f) }

func (p *plan) empty() bool { return p.recorded.Len() == 0 && len(p.events) == 0 }

// emit adds an event. Arguments that are JSON already are json.RawMessage.
func (p *plan) emit(key, kind, lane string, at time.Time, args ...any) error {
	return p.emitWith(payload.Raw{}, key, kind, lane, at, args...)
}

// emitWith is emit for an event whose first argument is a Message with this content.
func (p *plan) emitWith(raw payload.Raw, key, kind, lane string, at time.Time, args ...any) error {
	encoded := make([]json.RawMessage, len(args))
	for i, arg := range args {
		if raw, ok := arg.(json.RawMessage); ok {
			encoded[i] = raw
			continue
		}
		var err error
		if encoded[i], err = shape.Marshal(arg); err != nil {
			return fmt.Errorf("encode %s: %w", kind, err)
		}
	}
	p.events = append(p.events, event{boundKey(key), kind, lane, payload.EncodeWith(raw, encoded...), at})
	return nil
}

// boundKey keeps a key within the size of an index entry.
func boundKey(key string) string {
	key = shape.Clean(key)
	if len(key) <= 512 {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256-" + hex.EncodeToString(sum[:])
}

// recorder is a database that records statements instead of running them. So the
// generated, typed queries can fill a batch.
type recorder struct{ pgx.Batch }

var errRecorder = errors.New("a plan can only write")

func (r *recorder) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	r.Queue(sql, args...)
	return pgconn.CommandTag{}, nil
}

func (r *recorder) Query(context.Context, string, ...any) (pgx.Rows, error) { return nil, errRecorder }

func (r *recorder) QueryRow(context.Context, string, ...any) pgx.Row { return failedRow{errRecorder} }
