package upkeep_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"whatsapp-manager/api/upkeep"
)

// old fills the tables with a row that is too old and one that is not.
func (i *installation) old() {
	i.t.Helper()
	for _, sql := range []string{
		`insert into users values ('owner', 'a@example.org', '', 'user', now())`,
		`insert into instances (id, owner_id, name, created_at, updated_at) values ('aaaaaaaaaaaa', 'owner', '', now(), now())`,
		`insert into feeds values ('aaaaaaaaaaaa', 2, 1)`,
		`insert into events select 'aaaaaaaaaaaa', s, 'key' || s, 'message', 'lane', '{}', now() - (3 - s) * interval '20 hours' from generate_series(1, 2) s`,
		`insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, ack)
			select 'aaaaaaaaaaaa', '49@c.us', 'M' || s, true, '1@c.us', extract(epoch from now())::bigint - s * 3600, 'chat', 1 from unnest(array[1, 25]) s`,
		`insert into refresh_tokens (id, user_id, family, token_hash, issued_at, expires_at, proved_at)
			select 't' || s, 'owner', 'f' || s, ('h' || s)::bytea, now() - interval '3 hours', now() + s * interval '1 hour', now() - interval '3 hours' from unnest(array[-1, 1]) s`,
		`insert into audit_log (at, action) select now() - s * interval '1 day', a from unnest(array[1, 100]) s, unnest(array['login.failed', 'user.created']) a`,
		`insert into sends (instance_id, key, method, digest, message_id, state, created_at, ended_at)
			select 'aaaaaaaaaaaa', 'k' || s, 'sendMessage', 'd', 'm' || s, 'sent', now() - s * interval '1 day', now() - s * interval '1 day' from unnest(array[1000, 0]) s`,
		`insert into link_pages (id, instance_id, token_hash, made_at_seq, created_at, expires_at)
			select 'p' || s, 'aaaaaaaaaaaa', ('h' || s)::bytea, 0, now() - interval '3 days', now() - s * interval '1 hour' from unnest(array[25, 1]) s`,
	} {
		i.exec(sql)
	}
}

func TestWhatIsTooOldIsRemovedSoonAfterTheStart(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	i.old()
	day := upkeep.Options{Clock: clock(true), KeepMessages: 24 * time.Hour, KeepEvents: 24 * time.Hour, TrimEvery: once, PruneEvery: once}
	i.run("one", i.records(), day, io.Discard)
	i.until("river_job where state = 'completed'", 2)
	for what, want := range map[string]int{
		"events": 1, "messages": 1, "refresh_tokens": 1, "sends": 1, "link_pages": 1,
		"audit_log where action = 'login.failed'": 1, "audit_log where action = 'user.created'": 2,
	} {
		if got := i.count(what); got != want {
			t.Errorf("%s: %d are left, want %d", what, got, want)
		}
	}
}

func TestNothingIsRemovedByAClockThatIsNotBelieved(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	i.old()
	r := i.records()
	end := i.run("one", r, upkeep.Options{Clock: clock(false), KeepMessages: time.Hour, KeepEvents: time.Hour, TrimEvery: once, PruneEvery: once}, io.Discard)
	i.until("river_job where state = 'completed'", 2)
	end()
	if len(r.pruned)+len(r.trimmed) > 0 || i.count("messages")+i.count("events")+i.count("sends") != 6 {
		t.Error("something was removed")
	}
}

// Without a retention there is no job for it.
func TestWhatIsKeptForEverMakesNoJob(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	end := i.run("one", i.records(), upkeep.Options{Clock: clock(true), PruneEvery: once}, io.Discard)
	i.until("river_job where state = 'completed'", 1)
	end()
	if n := i.count("river_job where kind = 'trim_history'"); n != 0 {
		t.Errorf("%d jobs", n)
	}
}

// Two managers on one database do the work once in each period, and the other one goes
// on when the one that leads has ended.
func TestTwoManagersDoTheWorkOncePerPeriod(t *testing.T) {
	t.Parallel()
	const period = time.Second
	i := newInstallation(t)
	r := []*records{i.records(), i.records()}
	opts := upkeep.Options{Clock: clock(true), PruneEvery: period}
	began := time.Now()
	ends := []func(){i.run("one", r[0], opts, io.Discard), i.run("two", r[1], opts, io.Discard)}
	done := 0
	for ; done < 6; done++ {
		next(t, r[0].pruned, r[1].pruned)
	}
	// A period that was cut at each end counts, too.
	if most := int(time.Since(began)/period) + 2; done > most {
		t.Errorf("the work was done %d times in %d periods", done, most)
	}
	// Whoever led: the rows of the old ones are gone, and new ones come.
	ends[0]()
	i.exec("delete from river_job")
	for len(r[1].pruned) > 0 {
		<-r[1].pruned
	}
	next(t, r[1].pruned)
	next(t, r[1].pruned)
}

// A manager that starts, and leads at once, does not do again what was done in this
// period.
func TestARestartDoesNotRepeatThePeriod(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	first, second := i.records(), i.records()
	end := i.run("one", first, upkeep.Options{Clock: clock(true), PruneEvery: once}, io.Discard)
	i.until("river_job where state = 'completed'", 1)
	end()
	// It keeps less, and its job for that is made together with the other one.
	i.run("two", second, upkeep.Options{Clock: clock(true), KeepEvents: time.Hour, TrimEvery: once, PruneEvery: once}, io.Discard)
	next(t, second.trimmed)
	if n := i.count("river_job where kind = 'prune_expired'"); n != 1 || len(second.pruned) > 0 {
		t.Errorf("%d jobs, and the work was done again %d times", n, len(second.pruned))
	}
}

func TestAFailureIsLoggedOnceAndTriedInTheNextPeriod(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	r := i.records()
	tries := 0
	r.instead = func(context.Context) error {
		if tries++; tries == 1 {
			return errors.New("no such luck")
		}
		return nil
	}
	log := &logged{}
	end := i.run("one", r, upkeep.Options{Clock: clock(true), PruneEvery: time.Second}, log)
	next(t, r.pruned)
	next(t, r.pruned)
	end()
	if n := i.count("river_job where state = 'discarded' and attempt = 1"); n != 1 {
		t.Errorf("%d failed jobs", n)
	}
	if n := log.lines("no such luck"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

// A job at work does not hold up the end of its manager, and another one goes on.
func TestTheEndCutsAJobShort(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	first, second := i.records(), i.records()
	first.instead = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	log := &logged{}
	end := i.run("one", first, upkeep.Options{Clock: clock(true), PruneEvery: once}, log)
	next(t, first.pruned)
	end()
	i.run("two", second, upkeep.Options{Clock: clock(true), PruneEvery: once}, io.Discard)
	next(t, second.pruned)
	i.until("river_job where state = 'completed'", 1)
	if n := i.count("river_job"); n != 1 || log.lines("removed") > 0 {
		t.Errorf("%d jobs; %d complaints", n, log.lines("removed"))
	}
}
