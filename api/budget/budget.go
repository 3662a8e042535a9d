package budget

import (
	"sync"
	"time"

	"whatsapp-manager/proto/fault"
)

// Codes of refusals. Both are worth a second try.
const (
	CodeShare = "memory_share" // the owner's own share is taken: fault.RateLimited
	CodeFull  = "memory_full"  // everybody's is: fault.Unavailable
)

// retryAfter is what a refused client is told; most requests are over by then.
const retryAfter = time.Second

// Budget is safe for use at the same time.
type Budget struct {
	all, share, strangers, stranger int64 // limits in bytes

	mu      sync.Mutex
	used    int64            // guarded by mu
	strange int64            // guarded by mu; of used, that of strangers
	owners  map[string]int64 // guarded by mu; an owner with nothing in use is not in it
	peak    int64            // guarded by mu; the most that used ever was
}

// New returns a budget of all bytes, of which one owner may use share. Strangers
// together may use a quarter, and one of them an eighth of that.
func New(all, share int64) *Budget {
	return &Budget{all: all, share: min(share, all), strangers: all / 4, stranger: all / 32, owners: map[string]int64{}}
}

// Owner is whose share is used.
type Owner struct {
	Name     string // unique among owners of all sorts, e.g. "instance abc"
	Stranger bool   // nobody knows who it is; Name is an address
}

// Account opens a request's account. Its holder closes it.
func (b *Budget) Account(owner Owner) *Account { return &Account{budget: b, owner: owner} }

// Used returns the bytes in use now, and the most that ever were.
func (b *Budget) Used() (now, peak int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used, b.peak
}

// Limit returns the bytes that all may use together.
func (b *Budget) Limit() int64 { return b.all }

// Account is what one request uses. It is safe for use at the same time. A nil
// account counts nothing.
type Account struct {
	budget *Budget
	owner  Owner
	taken  int64 // guarded by budget.mu
}

// Take books n more bytes, or none and says why not: fault.RateLimited for the
// owner's own share, fault.Unavailable for everybody's.
func (a *Account) Take(n int64) error {
	if a == nil || n <= 0 {
		return nil
	}
	const op = "api.budget"
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	share := b.share
	if a.owner.Stranger {
		share = b.stranger
	}
	switch {
	case b.owners[a.owner.Name]+n > share:
		return &fault.Error{
			Kind: fault.RateLimited, Op: op, Code: CodeShare, RetryAfter: retryAfter,
			Msg: "the requests of this caller hold as much memory as they may hold",
		}
	case b.used+n > b.all, a.owner.Stranger && b.strange+n > b.strangers:
		return &fault.Error{
			Kind: fault.Unavailable, Op: op, Code: CodeFull, RetryAfter: retryAfter,
			Msg: "the requests under way hold as much memory as they may hold",
		}
	}
	a.book(n)
	return nil
}

// Force books n bytes that are there already and cannot be refused any more.
func (a *Account) Force(n int64) {
	if a == nil || n <= 0 {
		return
	}
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	a.book(n)
}

// Give takes back n of the bytes that were booked.
func (a *Account) Give(n int64) {
	if a == nil {
		return
	}
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	if n = min(n, a.taken); n > 0 {
		a.book(-n)
	}
}

// Left returns what the owner may still take.
func (a *Account) Left() int64 {
	if a == nil {
		return 1<<63 - 1
	}
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	left := min(b.all-b.used, b.share-b.owners[a.owner.Name])
	if a.owner.Stranger {
		left = min(left, b.stranger-b.owners[a.owner.Name], b.strangers-b.strange)
	}
	return max(0, left)
}

// Close gives everything back. The account may be used again.
func (a *Account) Close() {
	if a == nil {
		return
	}
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	if a.taken > 0 {
		a.book(-a.taken)
	}
}

// book needs budget.mu.
func (a *Account) book(n int64) {
	b := a.budget
	a.taken += n
	b.used += n
	b.peak = max(b.peak, b.used)
	if a.owner.Stranger {
		b.strange += n
	}
	if b.owners[a.owner.Name] += n; b.owners[a.owner.Name] == 0 {
		delete(b.owners, a.owner.Name)
	}
}
