package feed_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"whatsapp-manager/api/feed"
)

var (
	seed   = flag.Uint64("seed", 0, "of the random test; 0: a new one, printed")
	rounds = flag.Int("rounds", 12, "of the random test")
)

// Receivers fail, hang, answer slowly and come back, the deliverer is stopped
// and started, at random. In the end every receiver has every event, in order
// per chat, each under one id, and the books count it once.
func TestRandomFailures(t *testing.T) {
	t.Parallel()
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay with -seed %d", s)
	rnd := rand.New(rand.NewPCG(s, 1))
	r := newRig(t, feed.Options{Timeout: 60 * time.Millisecond})
	r.run()
	hooks := make([]*receiver, 3)
	ids := make([]string, len(hooks))
	for i := range hooks {
		hooks[i] = newReceiver(t)
		ids[i] = r.endpoint(hooks[i].URL).ID
	}
	total := 0
	for range *rounds {
		for _, hook := range hooks {
			hook.answers(mood(rnd))
		}
		for range 1 + rnd.IntN(4) {
			n := 1 + rnd.IntN(60)
			r.happen(fmt.Sprint("chat", rnd.IntN(6)), n)
			total += n
		}
		if rnd.IntN(3) == 0 {
			r.stop()
			r.run()
		}
		// Some receiver moves on before the next round, whichever may.
		hook := hooks[rnd.IntN(len(hooks))]
		_, tries := hook.got()
		hook.wait(t, "a try", func(accepted, more []post) bool { return len(more) > len(tries) || len(distinct(accepted)) == total })
	}
	for _, hook := range hooks {
		hook.answers(nil)
	}
	for i, hook := range hooks {
		inOrder(t, hook.waitAll(t, total))
		r.eventually("all is settled", func() bool { return r.agree(ids[i], total) })
	}
	// The last save must not have counted anything twice.
	r.stop()
	for _, id := range ids {
		if !r.agree(id, total) {
			t.Errorf("at the end, for %d deliveries\n%s", total, r.books())
		}
	}
}

// mood makes a way to answer.
func mood(rnd *rand.Rand) func(post, http.ResponseWriter) bool {
	var mu sync.Mutex
	own := rand.New(rand.NewPCG(rnd.Uint64(), 2))
	chance := func(percent int) bool {
		mu.Lock()
		defer mu.Unlock()
		return own.IntN(100) < percent
	}
	sick := fmt.Sprint("chat", rnd.IntN(6))
	switch rnd.IntN(5) {
	case 0:
		return nil
	case 1:
		return refuse(http.StatusBadGateway)
	case 2: // it takes the event and the answer is lost
		return func(_ post, w http.ResponseWriter) bool {
			if chance(20) {
				if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
					conn.Close()
				}
			}
			return true
		}
	case 3:
		return func(p post, w http.ResponseWriter) bool {
			if p.Chat != sick {
				return true
			}
			w.WriteHeader(http.StatusBadRequest)
			return false
		}
	default: // now and then it answers after the sender gave up
		return func(_ post, w http.ResponseWriter) bool {
			if !chance(5) {
				return true
			}
			<-time.After(90 * time.Millisecond)
			w.WriteHeader(http.StatusInternalServerError) // a busy sender may not have given up
			return false
		}
	}
}
