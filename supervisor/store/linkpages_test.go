package store_test

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

func linkPage(id string) store.LinkPage {
	return store.LinkPage{
		ID: id, InstanceID: a, Hash: []byte("hash of " + id), Language: "de", RedirectURL: "https://example.org/done",
		BrandName: "Example", BrandLogo: "https://example.org/logo.png", CreatedAt: noon, ExpiresAt: noon.Add(time.Hour),
	}
}

func TestLinkPages(t *testing.T) {
	st, ctx := setUp(t, a)
	want := linkPage("one")
	must(t, st.InsertLinkPage(ctx, want, 2))

	in, got, linked, err := st.LinkPageByHash(ctx, want.Hash)
	must(t, err)
	equal(t, "instance", in.ID, a)
	if want.CreatedAt, want.ExpiresAt = got.CreatedAt, got.ExpiresAt; !reflect.DeepEqual(got, want) || !got.ExpiresAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	equal(t, "linked", linked, false)
	_, _, _, err = st.LinkPageByHash(ctx, []byte("another"))
	wantKind(t, err, fault.NotFound)

	must(t, st.EndLinkPage(ctx, a, "one", store.PageRevoked, noon))
	must(t, st.EndLinkPage(ctx, a, "one", store.PageReady, noon.Add(time.Minute)))
	list, err := st.LinkPages(ctx, a)
	must(t, err)
	equal(t, "pages", len(list), 1)
	equal(t, "the first end", list[0].EndedBy, store.PageRevoked)
	equal(t, "its time", list[0].EndedAt.UTC(), noon)
	wantKind(t, st.EndLinkPage(ctx, a, "none", store.PageRevoked, noon), fault.NotFound)

	must(t, st.InsertLinkPage(ctx, linkPage("two"), 2))
	n, err := st.PruneLinkPages(ctx, noon.Add(time.Minute))
	must(t, err)
	equal(t, "removed", n, 1)
	n, err = st.PruneLinkPages(ctx, noon.Add(2*time.Hour))
	must(t, err)
	equal(t, "removed when expired", n, 1)

	absent := linkPage("three")
	absent.InstanceID = "zzzzzzzzzzzz"
	wantKind(t, st.InsertLinkPage(ctx, absent, 2), fault.NotFound)
}

func TestLinkPagesOfAnInstanceAreBounded(t *testing.T) {
	st, ctx := setUp(t, a)
	const most, tries = 3, 8
	errs := make([]error, tries)
	var all sync.WaitGroup
	for i := range tries {
		all.Go(func() { errs[i] = st.InsertLinkPage(ctx, linkPage(string(rune('a'+i))), most) })
	}
	all.Wait()
	refused := 0
	for _, err := range errs {
		if err == nil {
			continue
		}
		refused++
		equal(t, "code", wantKind(t, err, fault.Conflict).Code, "too_many_pages")
	}
	equal(t, "refused", refused, tries-most)
	later := linkPage("later") // when the others have expired
	later.CreatedAt, later.ExpiresAt = noon.Add(2*time.Hour), noon.Add(3*time.Hour)
	must(t, st.InsertLinkPage(ctx, later, most))
}

func TestLinkPagesOfADayAreBounded(t *testing.T) {
	st, ctx := setUp(t, a)
	_, err := st.Pool().Exec(ctx, `insert into link_pages (id, instance_id, token_hash, brand_logo, made_at_seq, created_at, expires_at, ended_at, ended_by)
		select 'p' || n, $1, ('h' || n)::bytea, 'logo', 0, $2::timestamptz + n * interval '1 second', $2::timestamptz + interval '1 hour',
			$2::timestamptz + interval '30 seconds', 'revoked' from generate_series(1, 100) n`, a, noon)
	must(t, err)
	at := func(id string, after time.Duration) store.LinkPage {
		p := linkPage(id)
		p.CreatedAt, p.ExpiresAt = noon.Add(after), noon.Add(after+time.Hour)
		return p
	}
	refused := wantKind(t, st.InsertLinkPage(ctx, at("soon", time.Hour), 10), fault.RateLimited)
	equal(t, "when again", refused.RetryAfter, 23*time.Hour+time.Second)
	must(t, st.InsertLinkPage(ctx, at("later", 24*time.Hour+2*time.Second), 10))
	list, err := st.LinkPages(ctx, a)
	must(t, err)
	equal(t, "listed", len(list), 100)
	equal(t, "the newest", list[0].ID, "later")
	for _, p := range list {
		equal(t, "logo", p.BrandLogo, "")
	}
}

func TestAnEndedLinkPageKeepsNoLogo(t *testing.T) {
	st, ctx := setUp(t, a)
	want := linkPage("one")
	must(t, st.InsertLinkPage(ctx, want, 2))
	must(t, st.EndLinkPage(ctx, a, "one", store.PageRevoked, noon))
	_, got, _, err := st.LinkPageByHash(ctx, want.Hash)
	must(t, err)
	equal(t, "logo", got.BrandLogo, "")
}

func TestLinkPagesEndWithWhatMadeThem(t *testing.T) {
	for name, tc := range map[string]struct {
		end   func(st *store.Store, ctx context.Context) error
		ended string
	}{
		"the key is revoked":   {func(st *store.Store, ctx context.Context) error { return st.RevokeKey(ctx, a, "k-"+string(a), noon) }, "by key"},
		"the password changes": {func(st *store.Store, ctx context.Context) error { return st.SetPassword(ctx, owner, "h2") }, "by user"},
		"the user is disabled": {func(st *store.Store, ctx context.Context) error { return st.SetUserDisabled(ctx, owner, &noon) }, "by user"},
		"the user is enabled":  {func(st *store.Store, ctx context.Context) error { return st.SetUserDisabled(ctx, owner, nil) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			st, ctx := setUp(t, a)
			byKey, byUser := linkPage("by key"), linkPage("by user")
			byKey.CreatedByKey, byUser.CreatedByUser = "k-"+string(a), owner
			must(t, st.InsertLinkPage(ctx, byKey, 3))
			must(t, st.InsertLinkPage(ctx, byUser, 3))
			must(t, st.InsertLinkPage(ctx, linkPage("of before"), 3))
			must(t, tc.end(st, ctx))
			list, err := st.LinkPages(ctx, a)
			must(t, err)
			for _, p := range list {
				want := ""
				if p.ID == tc.ended {
					want = store.PageRevoked
				}
				equal(t, p.ID, p.EndedBy, want)
			}
		})
	}
}

func TestTheLinkPagesOfALinkedAccountStayEnded(t *testing.T) {
	st, ctx := setUp(t, a)
	must(t, st.InsertLinkPage(ctx, linkPage("one"), 2))
	_, err := st.Pool().Exec(ctx, "insert into events (instance_id, seq, key, type, lane, payload, at) values ($1, 1, 'k', 'ready', '', '{}', $2)", a, noon)
	must(t, err)
	_, err = st.Pool().Exec(ctx, "delete from events") // as retention does
	must(t, err)
	list, err := st.LinkPages(ctx, a)
	must(t, err)
	equal(t, "ended by", list[0].EndedBy, store.PageReady)
}

func TestAReadyAccountEndsTheLinkPagesMadeBefore(t *testing.T) {
	st, ctx := setUp(t, a)
	event := func(seq int, kind string) { // as a worker writes it
		t.Helper()
		_, err := st.Pool().Exec(ctx, `with told as (update feeds set head = $2 where instance_id = $1)
			insert into events (instance_id, seq, key, type, lane, payload, at) values ($1, $2, 'key' || $2, $3, '', '{}', $4)`, a, seq, kind, noon)
		must(t, err)
	}
	linked := func(id string) bool {
		t.Helper()
		_, _, linked, err := st.LinkPageByHash(ctx, []byte("hash of "+id))
		must(t, err)
		return linked
	}
	event(1, "ready")
	must(t, st.InsertLinkPage(ctx, linkPage("one"), 2))
	event(2, "qr")
	equal(t, "before", linked("one"), false)
	event(3, "ready")
	equal(t, "after", linked("one"), true)
	must(t, st.InsertLinkPage(ctx, linkPage("two"), 2))
	equal(t, "made after", linked("two"), false)
}

func TestLinkPagesOfDisabledUsersAndDeletedInstances(t *testing.T) {
	st, ctx := setUp(t, a)
	must(t, st.InsertLinkPage(ctx, linkPage("one"), 2))
	at := noon
	must(t, st.SetUserDisabled(ctx, owner, &at))
	_, _, _, err := st.LinkPageByHash(ctx, []byte("hash of one"))
	equal(t, "code", wantKind(t, err, fault.Unauthorized).Code, "account_disabled")
	must(t, st.SetUserDisabled(ctx, owner, nil))
	must(t, st.MarkDeleted(ctx, a, noon))
	_, _, _, err = st.LinkPageByHash(ctx, []byte("hash of one"))
	wantKind(t, err, fault.NotFound)
	wantKind(t, st.InsertLinkPage(ctx, linkPage("two"), 2), fault.NotFound)
}
