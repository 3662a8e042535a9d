package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

func TestASessionLivesAsLongAsOneOfItsTokens(t *testing.T) {
	st, ctx := setUp(t)
	first := token("1")
	first.UserID, first.Family, first.ProvedAt = owner, "f", noon.Add(-time.Hour)
	must(t, st.InsertRefreshToken(ctx, first))
	lives := func(at time.Time) bool {
		t.Helper()
		u, proved, err := st.LivingSession(ctx, "f", at)
		if fault.Is(err, fault.NotFound) {
			return false
		}
		must(t, err)
		equal(t, "user", u.ID, owner)
		equal(t, "proved at", proved, noon.Add(-time.Hour)) // a refresh proves nothing
		return true
	}
	if !lives(noon) || lives(noon.Add(time.Hour)) {
		t.Error("before and after it expires")
	}
	second := token("2")
	second.ExpiresAt, second.ProvedAt = noon.Add(2*time.Hour), noon
	_, err := st.RotateRefreshToken(ctx, []byte("1"), second, noon)
	must(t, err)
	if !lives(noon.Add(90 * time.Minute)) {
		t.Error("a refresh does not lengthen it")
	}
	_, err = st.PruneRefreshTokens(ctx, noon.Add(90*time.Minute))
	must(t, err)
	if !lives(noon.Add(90 * time.Minute)) {
		t.Error("it ends when an old token of it is removed")
	}
	must(t, st.RevokeFamily(ctx, "f", noon))
	if lives(noon) {
		t.Error("it outlives its revocation")
	}
	_, _, err = st.LivingSession(ctx, "no such", noon)
	wantKind(t, err, fault.NotFound)
}

func TestWhatStands(t *testing.T) {
	const b = supervisor.ID("bbbbbbbbbbbb")
	st, ctx := setUp(t, a, b)
	must(t, st.CreateUser(ctx, store.User{ID: "other", Email: "o@example.org", Role: "user", CreatedAt: noon}))
	must(t, st.CreateUser(ctx, store.User{ID: "boss", Email: "b@example.org", Role: "admin", CreatedAt: noon}))
	for _, user := range []string{owner, "other", "boss"} {
		tok := token("of " + user)
		tok.UserID, tok.Family = user, "f-"+user
		must(t, st.InsertRefreshToken(ctx, tok))
	}
	uses := []store.SessionUse{{Family: "f-" + owner, Instance: a}, {Family: "f-other", Instance: a}, {Family: "f-boss", Instance: a}, {Family: "f-" + owner, Instance: b}, {Family: "none", Instance: a}}
	sessions := func() []store.SessionUse {
		t.Helper()
		got, err := st.StandingSessions(ctx, uses, noon)
		must(t, err)
		return got
	}
	keys := func() []string {
		t.Helper()
		got, err := st.StandingKeys(ctx, []string{"k-" + string(a), "k-" + string(b), "none"})
		must(t, err)
		slices.Sort(got)
		return got
	}
	has := func(of string, instance supervisor.ID) bool {
		return slices.Contains(sessions(), store.SessionUse{Family: of, Instance: instance})
	}
	if len(sessions()) != 3 || !has("f-"+owner, a) || has("f-other", a) || !has("f-boss", a) || len(keys()) != 2 {
		t.Errorf("in the beginning: %v, %v", sessions(), keys())
	}
	must(t, st.RevokeKey(ctx, a, "k-"+string(a), noon))
	if got := keys(); len(got) != 1 || got[0] != "k-"+string(b) {
		t.Errorf("one revoked: %v", got)
	}
	must(t, st.SetUserRole(ctx, "boss", "user"))
	if has("f-boss", a) {
		t.Error("a former administrator still reads")
	}
	must(t, st.SetUserDisabled(ctx, owner, &noon))
	if len(sessions()) != 0 || len(keys()) != 0 {
		t.Errorf("of a disabled user: %v, %v", sessions(), keys())
	}
	_, _, err := st.InstanceByKeyHash(ctx, []byte("hash-"+b))
	equal(t, "code", wantKind(t, err, fault.Unauthorized).Code, "account_disabled")
	must(t, st.SetUserDisabled(ctx, owner, nil))
	must(t, st.MarkDeleted(ctx, b, noon))
	if has("f-"+owner, b) || len(keys()) != 0 {
		t.Errorf("of a deleted instance: %v, %v", sessions(), keys())
	}
}

func TestKnownAddressesAreBounded(t *testing.T) {
	st, ctx := setUp(t)
	for i := range 30 {
		must(t, st.RememberAddress(ctx, owner, []byte(fmt.Sprint("h", i)), noon.Add(time.Duration(i)*time.Second), 20))
	}
	must(t, st.RememberAddress(ctx, owner, []byte("h10"), noon.Add(time.Hour), 20)) // again
	known := func(email, hash string) bool {
		t.Helper()
		ok, err := st.KnowsAddress(ctx, email, []byte(hash))
		must(t, err)
		return ok
	}
	n := 0
	for i := range 30 {
		if known("A@example.org", fmt.Sprint("h", i)) {
			n++
		}
	}
	if n != 20 || !known("a@example.org", "h29") || !known("a@example.org", "h10") || known("a@example.org", "h9") || known("nobody@example.org", "h29") {
		t.Errorf("%d are known", n)
	}
	must(t, st.ForgetAddresses(ctx, owner))
	if known("a@example.org", "h29") {
		t.Error("not forgotten")
	}
}

func TestTheAuditLogIsReadByItsFilters(t *testing.T) {
	st, ctx := setUp(t, a)
	must(t, st.Audit(ctx, noon, owner, "instance.create", string(a), nil))
	must(t, st.Audit(ctx, noon.Add(time.Second), "boss", "instance.update", string(a), map[string]any{"x": 1}))
	must(t, st.Audit(ctx, noon.Add(2*time.Second), "boss", "user.role", "other", nil))
	must(t, st.Audit(ctx, noon.Add(3*time.Second), "", "login.failed", owner, nil))
	must(t, st.Audit(ctx, noon.Add(4*time.Second), "other", "login", "other", nil))
	later := noon.Add(3 * time.Second)
	for _, tc := range []struct {
		name   string
		filter store.AuditFilter
		limit  int
		want   []string
	}{
		{"all", store.AuditFilter{}, 10, []string{"login", "login.failed", "user.role", "instance.update", "instance.create"}},
		{"a page", store.AuditFilter{}, 2, []string{"login", "login.failed"}},
		{"what a user may see", store.AuditFilter{Viewer: owner}, 10, []string{"login.failed", "instance.update", "instance.create"}},
		{"an action and those below", store.AuditFilter{Action: "login"}, 10, []string{"login", "login.failed"}},
		{"an action", store.AuditFilter{Action: "login.failed"}, 10, []string{"login.failed"}},
		{"no part of a word", store.AuditFilter{Action: "log"}, 10, []string{}},
		{"a user", store.AuditFilter{UserID: "boss"}, 10, []string{"user.role", "instance.update"}},
		{"a target", store.AuditFilter{Target: "other"}, 10, []string{"login", "user.role"}},
		{"a time", store.AuditFilter{Since: &noon, Until: &later}, 10, []string{"user.role", "instance.update", "instance.create"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rows, err := st.AuditLog(ctx, tc.filter, tc.limit)
			must(t, err)
			got := []string{}
			for _, r := range rows {
				got = append(got, r.Action)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	n, err := st.PruneAudit(ctx, "login.failed", noon.Add(time.Hour))
	must(t, err)
	equal(t, "pruned", n, 1)
}

func TestQueuesOfADisabledUserWait(t *testing.T) {
	st, ctx := setUp(t, a)
	at := noon
	_, _, err := st.BeginSend(ctx, store.Send{Instance: a, Key: "key", Method: "sendMessage", Digest: []byte("d"), MessageID: "M", State: store.SendQueued, Params: []byte(`[]`), SendAt: &at, CreatedAt: noon})
	must(t, err)
	due := func() int {
		t.Helper()
		queues, err := st.DueQueues(ctx, noon)
		must(t, err)
		_, err = st.QueueHead(ctx, a, noon)
		found := err == nil
		if !found {
			wantKind(t, err, fault.NotFound)
		}
		if found != (len(queues) == 1) {
			t.Errorf("%d queues are due, and there is a head: %v", len(queues), found)
		}
		return len(queues)
	}
	equal(t, "due", due(), 1)
	must(t, st.SetUserDisabled(ctx, owner, &noon))
	equal(t, "due of a disabled user", due(), 0)
	must(t, st.SetUserDisabled(ctx, owner, nil))
	equal(t, "due again", due(), 1)
}
