package main

import (
	"testing"

	"whatsapp-manager/cmd/internal/lab"
)

// The owner of the private Postgres is no superuser, and may make a database only
// where it was asked for.
func TestABaselineGetsDatabasesOfItsOwn(t *testing.T) {
	ctx := t.Context()
	base, err := lab.Start(ctx, "bench")
	if err != nil {
		t.Fatal(err)
	}
	l := &benchLab{Lab: base}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	err = l.withDatabase(ctx, func(base string) error {
		for range 2 { // the second one takes the place of the first
			database, err := fresh(ctx, base, "bench_test")
			if err != nil {
				return err
			}
			if err := execute(ctx, database, "create table made (n int)"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
