package loginguard

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"whatsapp-manager/proto/fault"
)

const (
	// Per address and account: five tries at once, then one a minute. Also an
	// address that the account knows guesses no more than some 65 times an hour.
	triesAtOnce = 5
	triesEvery  = time.Minute
	// Per address over all accounts, against one password tried on many.
	triesOfIP      = 50
	triesOfIPEvery = 2 * time.Second
	// Per address: new accounts, where anybody may make one.
	registrations      = 5
	registrationsEvery = 5 * time.Minute

	// Per account, over all addresses that it was not used from: some tries at
	// once, then each one doubles the time to the next.
	triesOfAccount = 5
	firstDelay     = 2 * time.Second
	longestDelay   = 5 * time.Minute
	forgottenAfter = time.Hour // without a try

	// remembered addresses, pairs and accounts, each.
	remembered = 50_000
)

// Guard counts tries. Safe for use at the same time.
type Guard struct {
	mu       sync.Mutex
	limiters *lru.Cache[string, *rate.Limiter] // guarded by mu
	accounts *lru.Cache[string, *account]      // guarded by mu
}

// account is what was tried at one from addresses that it does not know.
type account struct {
	tries int
	last  time.Time
	next  time.Time // nothing is tried before
}

// New returns a guard that has seen nothing.
func New() *Guard {
	limiters, err := lru.New[string, *rate.Limiter](2 * remembered)
	if err != nil {
		panic(err) // only for a size below one
	}
	accounts, err := lru.New[string, *account](remembered)
	if err != nil {
		panic(err)
	}
	return &Guard{limiters: limiters, accounts: accounts}
}

// From counts one try from the address ip at the account and fails with
// fault.RateLimited when too many come from there; nothing is counted then. It
// comes first, since it costs no look into the database.
func (g *Guard) From(ip, name string, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	from := Network(ip)
	return g.take(now, limit{"ip\x00" + from, triesOfIP, triesOfIPEvery}, limit{pair(from, name), triesAtOnce, triesEvery})
}

// At counts one try at the account from an address from which it was not used
// before, and fails with fault.RateLimited when it comes too soon; it is not
// counted then.
func (g *Guard) At(name string, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, ok := g.accounts.Get(name)
	if !ok || now.Sub(a.last) > forgottenAfter {
		a = &account{}
		g.accounts.Add(name, a)
	}
	if wait := a.next.Sub(now); wait > 0 {
		return tooMany(wait)
	}
	a.tries++
	if a.last = now; a.tries >= triesOfAccount {
		// Not shifted further than the longest delay needs.
		a.next = now.Add(min(longestDelay, firstDelay<<min(a.tries-triesOfAccount, 10)))
	}
	return nil
}

// Register counts the making of an account from the address ip.
func (g *Guard) Register(ip string, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.take(now, limit{"register\x00" + Network(ip), registrations, registrationsEvery})
}

// Forgive forgets the tries of ip at the account after one that was right, and
// uncounts that one where At counted it. What other addresses tried stays: a
// program of the owner's that logs in now and then would else give those who
// guess new tries each time.
func (g *Guard) Forgive(ip, name string, counted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limiters.Remove(pair(Network(ip), name))
	if a, ok := g.accounts.Peek(name); ok && counted {
		if a.tries--; a.tries < triesOfAccount {
			a.next = time.Time{}
		}
	}
}

type limit struct {
	key   string
	burst int
	every time.Duration
}

// take counts one for each limit, or for none.
func (g *Guard) take(now time.Time, limits ...limit) error {
	var taken []*rate.Reservation
	for _, l := range limits {
		limiter, ok := g.limiters.Get(l.key)
		if !ok {
			limiter = rate.NewLimiter(rate.Every(l.every), l.burst)
			g.limiters.Add(l.key, limiter)
		}
		r := limiter.ReserveN(now, 1)
		if taken = append(taken, r); r.DelayFrom(now) > 0 {
			wait := r.DelayFrom(now)
			for _, r := range taken {
				r.CancelAt(now)
			}
			return tooMany(wait)
		}
	}
	return nil
}

func tooMany(wait time.Duration) error {
	return &fault.Error{Kind: fault.RateLimited, Op: "loginguard", Code: "too_many_attempts", Msg: "too many attempts; wait before the next one", RetryAfter: wait}
}

func pair(network, name string) string { return "login\x00" + network + "\x00" + name }

// Network returns what counts as one address: an IPv4 address, or the /64 of
// an IPv6 one, all of which a single host may use.
func Network(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return network.String()
}

// Hash is under what the database keeps an address: who has the database alone
// cannot tell from it where users are.
func Hash(key []byte, ip string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("known address\x00" + Network(ip)))
	return mac.Sum(nil)
}
