package sqlstore

import (
	"bytes"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/keystore"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func bytesOf(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

const mine = "4915112345678:3@s.whatsapp.net"

// whole is an account with a row of every kind.
func whole() *moving.Account {
	sent := int64(1700000001)
	return &moving.Account{
		Device: moving.Device{
			JID: mine, LID: "123456789:3@lid", RegistrationID: 4711,
			Noise: [32]byte{1}, Identity: [32]byte{2}, SignedPreKey: [32]byte{3}, SignedID: 1, Signature: bytesOf(4, 64), AdvSecret: bytesOf(5, 32),
			Details: []byte{6}, AccountSignature: bytesOf(7, 64), AccountKey: bytesOf(8, 32), DeviceSignature: bytesOf(9, 64),
			Platform: "android", BusinessName: "Shop", PushName: "Me", LIDMigration: 12, MetaNonce: "nonce",
		},
		PreKeys:     []moving.PreKey{{ID: 1, Private: [32]byte{10}, Uploaded: true}, {ID: 2, Private: [32]byte{11}}},
		Identities:  []moving.Identity{{Address: "491:0", Key: bytesOf(12, 32)}},
		Sessions:    []moving.Session{{Address: "123_1:0", Record: []byte("session")}},
		SenderKeys:  []moving.SenderKey{{Group: "1@g.us", Sender: "123_1:0", Record: []byte("sender key")}},
		SyncKeys:    []moving.SyncKey{{ID: []byte{0, 1}, Data: bytesOf(13, 32), Timestamp: 14, Fingerprint: []byte{15}}},
		Collections: []moving.Collection{{Name: "regular", Version: 7, Hash: bytesOf(16, 128), Macs: []moving.Mac{{Version: 7, Index: bytesOf(17, 32), Value: bytesOf(18, 32)}}}, {Name: "regular_low", Hash: bytesOf(0, 128)}},
		Contacts:    []moving.Contact{{JID: "491@s.whatsapp.net", FullName: "Ada Lovelace", FirstName: "Ada", PushName: "ada"}},
		Chats:       []moving.Chat{{JID: "491@s.whatsapp.net", MutedUntil: -1, Pinned: true, Archived: true}},
		Secrets:     []moving.Secret{{Chat: "1@g.us", Sender: "491@s.whatsapp.net", ID: "M1", Key: bytesOf(19, 32)}},
		Tokens:      []moving.Token{{JID: "491@s.whatsapp.net", Token: []byte("token"), Timestamp: 1700000000, Sent: &sent}},
		Salt:        []byte("salt"),
		Pairs:       []moving.Pair{{LID: "123", PN: "491"}},
		Received:    []moving.Received{{Hash: bytesOf(20, 32), Plaintext: []byte("text"), Server: 1, Inserted: 2}, {Hash: bytesOf(21, 32), Server: 3, Inserted: 4}},
		Sent:        []moving.Sent{{Chat: "1@g.us", ID: "M2", Format: "waE2E", Plaintext: []byte("text"), Timestamp: 5}},
	}
}

// file writes an account into a SQLite file and changes it with statements.
func file(t *testing.T, a *moving.Account, change ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	must(t, WriteSQLite(t.Context(), path, a, keystore.CreateIn))
	db, err := sql.Open("sqlite", path)
	must(t, err)
	for _, statement := range change {
		_, err := db.ExecContext(t.Context(), statement)
		must(t, err)
	}
	must(t, db.Close())
	return path
}

func refused(t *testing.T, err error, code string) *fault.Error {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid || f.Code != code || f.Err != nil {
		t.Fatalf("the error is %v, want a refusal with code %s and without a cause", err, code)
	}
	return f
}
