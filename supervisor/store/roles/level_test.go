package roles_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/supervisor/store/roles"
)

// as returns the database's URL for another role.
func (w *world) as(role, password string) string {
	w.Helper()
	u, err := url.Parse(w.url)
	if err != nil {
		w.Fatal(err)
	}
	q := u.Query()
	q.Set("user", role)
	q.Set("password", password)
	u.RawQuery = q.Encode()
	return u.String()
}

// plain makes a role that has everything of the manager but the right to make
// roles, and one for workers, as an operator would.
func (w *world) plain() (manager, workers string) {
	w.Helper()
	w.exec("create role plain_" + value[string](w, w.admin, "select current_database()") + " login password 'x'")
	w.exec("create role theirs_" + value[string](w, w.admin, "select current_database()") + " login password 'y'")
	db := value[string](w, w.admin, "select current_database()")
	w.exec("grant whatsapp_manager to plain_" + db)
	w.Cleanup(func() { // roles outlive databases
		conn, err := pgx.Connect(context.Background(), w.as("plain_"+db, "x"))
		if err != nil {
			w.Error(err)
			return
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), "drop owned by current_user"); err != nil {
			w.Error(err)
		}
		for _, sql := range []string{"drop owned by theirs_", "drop role theirs_", "drop role plain_"} {
			if _, err := w.admin.Exec(context.Background(), sql+db); err != nil {
				w.Error(err)
			}
		}
	})
	w.exec("grant theirs_" + db + " to current_user")
	return w.as("plain_"+db, "x"), w.as("theirs_"+db, "y")
}

func TestAManagerThatMayMakeNoRoles(t *testing.T) {
	w := newWorld(t)
	manager, workers := w.plain()
	r, err := roles.Arrange(t.Context(), manager, "")
	if err != nil {
		t.Fatal(err)
	}
	if st := r.State(); st.Isolation != roles.None || st.Superuser || st.Why == "" {
		t.Errorf("without a role for workers: %+v", st)
	}
	r, err = roles.Arrange(t.Context(), manager, workers)
	if err != nil {
		t.Fatal(err)
	}
	if st := r.State(); st.Isolation != roles.Shared || st.Why == "" {
		t.Errorf("with a role for workers: %+v", st)
	}
	rep, err := roles.Look(t.Context(), manager, workers)
	if err != nil || rep.Isolation != roles.Shared || !rep.Arranged {
		t.Errorf("the doctor sees %+v %v", rep, err)
	}
	w.a = w.dial(workers)
	if n := value[int](w, w.a, "select count(*) from chats"); n != 2 {
		t.Errorf("%d chats are seen, all share one role", n)
	}
	w.refused("", "select claim_device($1, 1, $2)", mine, jidA)
	w.refused("", "insert into chats (instance_id, id) values ($1, 'x')", other)
	w.refused("", "update whatsmeow.whatsmeow_device set noise_key = null")
	for _, table := range []string{"users", "settings", "api_keys", "webhook_endpoints", "refresh_tokens", "audit_log", "instances", "river_job", "sends"} {
		w.refused(denied, "select * from "+table)
	}
	w.refused(denied, "create table t (i int)")

	// And back: the role for all sees nothing any more.
	r, err = roles.Arrange(t.Context(), w.url, workers)
	if err != nil {
		t.Fatal(err)
	}
	if st := r.State(); st.Isolation != roles.PerInstance || st.Why != "" {
		t.Errorf("with a role for each: %+v", st)
	}
	w.refused(denied, "insert into chats (instance_id, id) values ($1, 'y')", mine)
	if n := value[int](w, w.b, "select count(*) from chats where instance_id <> $1", other); n != 0 {
		t.Errorf("%d chats of others are seen by a worker", n)
	}
}

// A role can be made, but whoever connects becomes another one, or nobody.
func TestRolesThatCannotLogIn(t *testing.T) {
	w := newWorld(t)
	w.exec("comment on table devices is null")
	db := value[string](w, w.admin, "select current_database()")
	w.exec("alter database " + db + " connection limit 0") // refuses all but the owner's… and superusers
	_, err := roles.Arrange(t.Context(), w.url, "")
	if err == nil {
		t.Error("what is no answer about roles was taken for one")
	}
	w.exec("alter database " + db + " connection limit -1")
	if conn, err := pgx.Connect(t.Context(), w.url); err != nil {
		t.Error(err)
	} else {
		conn.Close(t.Context())
	}
}
