package sqlstore

import (
	"database/sql"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/keystore"
)

// TestPostgres reads the tables that whatsmeow's own upgrades make, in one read-only
// transaction.
func TestPostgres(t *testing.T) {
	lib, err := sql.Open("pgx", storetest.NewURL(t))
	must(t, err)
	t.Cleanup(func() { lib.Close() })
	must(t, keystore.CreateIn(t.Context(), lib, "postgres"))
	want := whole()
	must(t, Write(want, func(r Rows) error {
		for _, row := range r.Values {
			marks := make([]string, len(row))
			for i := range marks {
				marks[i] = fmt.Sprintf("$%d", i+1)
			}
			if _, err := lib.ExecContext(t.Context(), "insert into "+r.Table+" ("+strings.Join(r.Columns, ", ")+") values ("+strings.Join(marks, ", ")+")", row...); err != nil {
				return err
			}
		}
		return nil
	}))
	want.Pairs = []moving.Pair{{LID: "123", PN: "491"}}
	_, err = lib.ExecContext(t.Context(), "insert into whatsmeow_lid_map (lid, pn) values ('123', '491')")
	must(t, err)
	tx, err := lib.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	must(t, err)
	got, err := ReadChosen(t.Context(), tx, Postgres, "")
	must(t, err)
	must(t, tx.Rollback())
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
