package sealedstore

import (
	"bytes"
	"testing"

	"whatsapp-manager/proto/seal"
)

// Where all workers share a role, a worker whose device was taken over would delete the
// one that was paired under its address.
func TestAFormerDeviceDeletesNothingOfItsSuccessor(t *testing.T) {
	d := newTestDB(t)
	former := pair(t, d.container(nil).NewDevice(), mine)
	d.exec("delete from whatsmeow_device where jid = $1", mine.String())
	next := d.container(seal.NewRing().Instance("two")).NewDevice()
	next.ID, next.LID = &mine, lid
	next.Account = pair(t, d.container(nil).NewDevice(), other).Account
	next.Account.DeviceSignature = bytes.Repeat([]byte{1}, 64)
	must(t, next.Save(t.Context()))
	must(t, former.Delete(t.Context()))
	var n int
	count := func() int {
		must(t, d.pool.QueryRow(t.Context(), "select count(*) from whatsmeow_device where jid = $1", mine.String()).Scan(&n))
		return n
	}
	if count() != 1 {
		t.Fatal("it is gone")
	}
	must(t, next.Delete(t.Context()))
	if count() != 0 {
		t.Error("it cannot delete itself")
	}
}
