package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/supervisor/store/roles"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestDoctor(t *testing.T) {
	url := storetest.NewURL(t)
	c, err := load(t, nil, "WAM_DATABASE_URL="+url, "WAM_DATA_DIR="+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	said := func() (string, error) {
		var out bytes.Buffer
		err := tell(&out, examineDatabase(t.Context(), c))
		return out.String(), err
	}
	text, err := said()
	if !errors.Is(err, errWrong) || !strings.Contains(text, "whatsmeow's schema") || !strings.Contains(text, "grants") {
		t.Errorf("before the first start: %v\n%s", err, text)
	}
	in := install(t, "WAM_DATABASE_URL="+url)
	text, err = said()
	if err != nil || !strings.Contains(text, "instance: each worker has a role") || strings.Contains(text, wrong) {
		t.Errorf("with a manager: %v\n%s", err, text)
	}
	if a := in.daemon.store.Isolation(); a.Level != string(roles.PerInstance) || a.Superuser {
		t.Errorf("isolation: %+v", a)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	// A table that nobody decided on, a schema from the future.
	if _, err := conn.Exec(t.Context(),
		"create table anew (i int); insert into goose_db_version (version_id, is_applied) values (9999, true)"); err != nil {
		t.Fatal(err)
	}
	if text, err = said(); !errors.Is(err, errWrong) || !strings.Contains(text, "9999") {
		t.Errorf("with a schema from the future: %v\n%s", err, text)
	}
	c.Data.DatabaseURL = postgresURL(strings.Replace(url, "password=", "password=x", 1))
	if text, err = said(); !errors.Is(err, errWrong) || strings.Contains(text, "password=") {
		t.Errorf("with a wrong password: %v\n%s", err, text)
	}
}

func TestDoctorWithoutAPostgres(t *testing.T) {
	c, err := load(t, nil, "WAM_DATA_DIR="+filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := tell(&out, examineDatabase(t.Context(), c)); err != nil || !strings.Contains(out.String(), "not running") {
		t.Errorf("%v\n%s", err, out.String())
	}
}
