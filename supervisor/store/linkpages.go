package store

import (
	"context"
	"fmt"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
)

// Why a link page ended before its time.
const (
	PageRevoked = "revoked"
	PageReady   = "ready" // the account is linked
)

// LinkPage lets whoever has its token link one account. Hash is the token's
// SHA-256; the token itself is not kept.
type LinkPage struct {
	ID                   string
	InstanceID           supervisor.ID
	Hash                 []byte
	Language             string // empty: the browser's
	RedirectURL          string
	BrandName, BrandLogo string
	CreatedAt, ExpiresAt time.Time
	EndedAt              *time.Time
	EndedBy              string // PageRevoked or PageReady, once EndedAt is set
	// CreatedByKey is the API key that made the page, CreatedByUser the user: the page
	// ends when that key is revoked, or that user disabled or given another password.
	CreatedByKey, CreatedByUser string
}

// pagesADay is how many link pages may be made for an instance within a day, those
// that have ended included: ended ones are kept for a while, and lists show them.
const pagesADay = 100

// InsertLinkPage adds a page to an instance. It returns Conflict with Code
// too_many_pages when the instance has most pages that have not ended, RateLimited
// when a hundred were made within a day, and NotFound when there is no such instance.
func (s *Store) InsertLinkPage(ctx context.Context, p LinkPage, most int) error {
	const op = "store.InsertLinkPage"
	return failure(op, s.inTx(ctx, func(q *db.Queries) error {
		// Two pages made at the same moment count each other.
		if _, err := q.LockInstance(ctx, string(p.InstanceID)); err != nil {
			return err
		}
		n, err := q.CountLivingLinkPages(ctx, db.CountLivingLinkPagesParams{InstanceID: string(p.InstanceID), Now: p.CreatedAt})
		if err != nil {
			return err
		}
		if n >= int64(most) {
			return &fault.Error{
				Kind: fault.Conflict, Op: op, Code: "too_many_pages",
				Msg: "the instance has as many open link pages as it may have; revoke one, or wait until one expires",
			}
		}
		day, err := q.LinkPagesSince(ctx, db.LinkPagesSinceParams{InstanceID: string(p.InstanceID), Since: p.CreatedAt.AddDate(0, 0, -1)})
		if err != nil {
			return err
		}
		if day.Made >= pagesADay {
			return &fault.Error{
				Kind: fault.RateLimited, Op: op, RetryAfter: day.First.AddDate(0, 0, 1).Sub(p.CreatedAt),
				Msg: fmt.Sprintf("the instance had %d link pages within a day; use one that is open, or wait, and let pages live longer (expiresIn)", pagesADay),
			}
		}
		return q.InsertLinkPage(ctx, db.InsertLinkPageParams{
			ID: p.ID, InstanceID: string(p.InstanceID), TokenHash: p.Hash, Language: p.Language, RedirectUrl: p.RedirectURL,
			BrandName: p.BrandName, BrandLogo: p.BrandLogo, CreatedAt: p.CreatedAt, ExpiresAt: p.ExpiresAt,
			CreatedByKey: p.CreatedByKey, CreatedByUser: p.CreatedByUser,
		})
	}))
}

// LinkPages returns the newest hundred pages of an instance, newest first, without
// their hashes and logos. Those that ended a short time ago are among them.
func (s *Store) LinkPages(ctx context.Context, instance supervisor.ID) ([]LinkPage, error) {
	rows, err := s.q.LinkPagesOf(ctx, string(instance))
	pages := make([]LinkPage, len(rows))
	for i, r := range rows {
		pages[i] = LinkPage{
			ID: r.ID, InstanceID: supervisor.ID(r.InstanceID), Language: r.Language, RedirectURL: r.RedirectUrl, BrandName: r.BrandName,
			CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, EndedAt: r.EndedAt, EndedBy: r.EndedBy,
		}
	}
	return pages, failure("store.LinkPages", err)
}

// LinkPageByHash returns the page of a token and its instance. linked says that
// the account became ready after the page was made. It returns NotFound when the
// token is unknown or the instance deleted, and Unauthorized with Code
// account_disabled when the instance's owner is disabled. The instance comes
// without its Worker.
func (s *Store) LinkPageByHash(ctx context.Context, hash []byte) (in Instance, p LinkPage, linked bool, err error) {
	const op = "store.LinkPageByHash"
	row, err := s.q.LinkPageByHash(ctx, hash)
	if err != nil {
		return Instance{}, LinkPage{}, false, failure(op, err)
	}
	if row.OwnerDisabled {
		return Instance{}, LinkPage{}, false, unauthorized(op, "account_disabled", "the user that the instance belongs to is disabled")
	}
	return instanceOf(row.Instance), linkPageOf(row.LinkPage), row.Linked, nil
}

// EndLinkPage ends a page of the instance for the reason, and forgets its logo; the
// first end stays.
// It returns NotFound when the instance has no such page.
func (s *Store) EndLinkPage(ctx context.Context, instance supervisor.ID, id, why string, now time.Time) error {
	const op = "store.EndLinkPage"
	n, err := s.q.EndLinkPage(ctx, db.EndLinkPageParams{InstanceID: string(instance), ID: id, By: why, At: now})
	if err != nil || n > 0 {
		return failure(op, err)
	}
	there, err := s.q.HasLinkPage(ctx, db.HasLinkPageParams{InstanceID: string(instance), ID: id})
	if err == nil && !there {
		return found(op, 0, nil)
	}
	return failure(op, err)
}

// PruneLinkPages removes pages that expired or ended before the time, and returns
// how many.
func (s *Store) PruneLinkPages(ctx context.Context, before time.Time) (int, error) {
	n, err := s.q.PruneLinkPages(ctx, before)
	return int(n), failure("store.PruneLinkPages", err)
}

func linkPageOf(r db.LinkPage) LinkPage {
	return LinkPage{
		ID: r.ID, InstanceID: supervisor.ID(r.InstanceID), Hash: r.TokenHash, Language: r.Language, RedirectURL: r.RedirectUrl,
		BrandName: r.BrandName, BrandLogo: r.BrandLogo, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt,
		EndedAt: r.EndedAt, EndedBy: r.EndedBy, CreatedByKey: r.CreatedByKey, CreatedByUser: r.CreatedByUser,
	}
}
