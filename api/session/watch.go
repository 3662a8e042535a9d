package session

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// Codes of why a permission ended; clients branch on them.
const (
	CodeExpired  = "token_expired"
	CodeSession  = "session_ended"
	CodeKey      = "key_revoked"
	CodeDisabled = "account_disabled"
	CodeInstance = "instance_deleted"
	CodeGone     = "permission_ended" // seen in the database, which does not say which it was
)

var reasons = map[string]string{
	CodeExpired:  "the access token has expired; get a new one and go on behind the last event",
	CodeSession:  "the session has ended; sign in again",
	CodeKey:      "the API key was revoked",
	CodeDisabled: "the account is disabled",
	CodeInstance: "the instance was deleted",
	CodeGone:     "what allowed this stream is no more: its key, its session, its user or its instance",
}

// Ended is the cause with which a held context ends. It is a fault.Unauthorized.
func Ended(code string) error {
	return &fault.Error{Kind: fault.Unauthorized, Op: "session.Watch", Code: code, Msg: reasons[code]}
}

const (
	// recheck bounds how long a stream outlives a permission that was ended
	// without a word to this process.
	recheck = 3 * time.Second
	// asked is how many permissions one query is about.
	asked = 2_000
)

// Holder is whose permission is watched: that of a key, or that of a session.
type Holder struct {
	Key      string // id of the API key, or empty
	Session  string // or else the session
	User     string // of the session, or the owner of the key's instance
	Instance supervisor.ID
	Until    time.Time // when the access token expires; zero: never
}

// permissions is what a Watch asks the database; see the methods of store.Store.
type permissions interface {
	StandingKeys(ctx context.Context, ids []string) ([]string, error)
	StandingSessions(ctx context.Context, uses []store.SessionUse, now time.Time) ([]store.SessionUse, error)
}

// Watch ends what goes on for long when the permission behind it ends: at once
// when it is told, and by asking the database, once for all holders, every few
// seconds. Safe for use at the same time.
type Watch struct {
	store permissions
	log   zerolog.Logger
	every time.Duration

	mu      sync.Mutex
	holders map[*holding]struct{} // guarded by mu
}

type holding struct {
	Holder
	end context.CancelCauseFunc
}

// NewWatch returns a watch; Run starts it.
func NewWatch(st permissions, log zerolog.Logger) *Watch {
	return &Watch{store: st, log: log, every: recheck, holders: map[*holding]struct{}{}}
}

// Hold returns a context that ends with the permission; its cause is then
// Ended. The caller calls release when it needs the permission no more.
func (w *Watch) Hold(ctx context.Context, who Holder) (held context.Context, release func()) {
	held, end := context.WithCancelCause(ctx)
	h := &holding{Holder: who, end: end}
	w.mu.Lock()
	w.holders[h] = struct{}{}
	w.mu.Unlock()
	stop := func() bool { return true }
	if !who.Until.IsZero() {
		timer := time.AfterFunc(time.Until(who.Until), func() { end(Ended(CodeExpired)) })
		stop = timer.Stop
	}
	return held, func() {
		stop()
		w.mu.Lock()
		delete(w.holders, h)
		w.mu.Unlock()
		end(nil)
	}
}

// Check asks the database whether the holder's permission stands now, and
// returns Ended when it does not.
func (w *Watch) Check(ctx context.Context, who Holder) error {
	var standing int
	if who.Key != "" {
		keys, err := w.store.StandingKeys(ctx, []string{who.Key})
		if err != nil {
			return err
		}
		standing = len(keys)
	} else {
		uses, err := w.store.StandingSessions(ctx, []store.SessionUse{{Family: who.Session, Instance: who.Instance}}, time.Now())
		if err != nil {
			return err
		}
		standing = len(uses)
	}
	if standing == 0 {
		return Ended(CodeGone)
	}
	return nil
}

// EndKey ends what an API key began.
func (w *Watch) EndKey(id string) {
	w.end(CodeKey, func(h Holder) bool { return h.Key != "" && h.Key == id })
}

// EndSession ends what a session began.
func (w *Watch) EndSession(id string) {
	w.end(CodeSession, func(h Holder) bool { return h.Session != "" && h.Session == id })
}

// EndSessions ends what all sessions of a user began.
func (w *Watch) EndSessions(user string) {
	w.end(CodeSession, func(h Holder) bool { return h.Session != "" && h.User == user })
}

// EndUser ends what a user's sessions and the keys of their instances began.
func (w *Watch) EndUser(id string) {
	w.end(CodeDisabled, func(h Holder) bool { return h.User == id })
}

// EndInstance ends what anybody reads of the instance.
func (w *Watch) EndInstance(id supervisor.ID) {
	w.end(CodeInstance, func(h Holder) bool { return h.Instance == id })
}

func (w *Watch) end(code string, which func(Holder) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for h := range w.holders {
		if which(h.Holder) {
			h.end(Ended(code))
		}
	}
}

// Run asks the database until ctx ends. While that is away, nothing ends but
// by its time or by being told.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := w.Recheck(ctx); err != nil && ctx.Err() == nil && !fault.Is(err, fault.Unavailable) {
				w.log.Warn().Err(err).Msg("permissions of open streams cannot be checked")
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// Recheck asks the database once about all that is held now, and ends what is
// no more allowed.
func (w *Watch) Recheck(ctx context.Context) error {
	keys, uses := map[string]bool{}, map[store.SessionUse]bool{}
	w.mu.Lock()
	for h := range w.holders {
		if h.Key != "" {
			keys[h.Key] = false
		} else {
			uses[store.SessionUse{Family: h.Session, Instance: h.Instance}] = false
		}
	}
	w.mu.Unlock()
	err := mark(keys, func(some []string) ([]string, error) { return w.store.StandingKeys(ctx, some) })
	if err != nil {
		return err
	}
	err = mark(uses, func(some []store.SessionUse) ([]store.SessionUse, error) {
		return w.store.StandingSessions(ctx, some, time.Now())
	})
	if err != nil {
		return err
	}
	w.end(CodeGone, func(h Holder) bool {
		if h.Key != "" {
			stands, asked := keys[h.Key]
			return asked && !stands
		}
		stands, asked := uses[store.SessionUse{Family: h.Session, Instance: h.Instance}]
		return asked && !stands
	})
	return nil
}

// mark sets those to true that ask returns, asking for some at a time.
func mark[K comparable](all map[K]bool, ask func([]K) ([]K, error)) error {
	some := make([]K, 0, min(len(all), asked))
	flush := func() error {
		standing, err := ask(some)
		for _, k := range standing {
			all[k] = true
		}
		some = some[:0]
		return err
	}
	for k := range all {
		if some = append(some, k); len(some) == asked {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(some) == 0 {
		return nil
	}
	return flush()
}
