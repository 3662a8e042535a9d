package relaytest

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
	waLog "go.mau.fi/whatsmeow/util/log"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/media"
)

// Offline is a table whose client has an account but neither a connection nor a
// store that works; unpaired, it has no account either.
type Offline struct {
	*relay.Table
	Client *whatsmeow.Client
	// Ready replaces the check of a method's needs; nil: the real check.
	Ready func(*whatsmeow.Client, relay.Need) error
}

// NewOffline returns such a table with the methods.
func NewOffline(t testing.TB, paired bool, families ...[]relay.Method) *Offline {
	t.Helper()
	device := &store.Device{
		NoiseKey: keys.NewKeyPair(), IdentityKey: keys.NewKeyPair(), AdvSecretKey: make([]byte, 32), Account: &waAdv.ADVSignedDeviceIdentity{},
		RegistrationID: 1, Initialized: true,
	}
	device.SignedPreKey = device.IdentityKey.CreateSignedPreKey(1)
	none := &store.NoopStore{Error: errors.New("no store")}
	device.SetAllStores(none)
	device.LIDs = none
	if paired {
		jid := types.JID{User: "15550000001", Server: types.DefaultUserServer, Device: 3}
		device.ID, device.LID = &jid, types.JID{User: "100000000000001", Server: types.HiddenUserServer, Device: 3}
	}
	// A database that is not there.
	pool, err := pgxpool.New(t.Context(), "host="+filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	o := &Offline{Client: whatsmeow.NewClient(device, waLog.Noop)}
	deps := relay.Deps{
		CurrentClient: func() *whatsmeow.Client { return o.Client },
		Mirror:        mirror.New(pool, "testtesttest", 1, zerolog.Nop()),
		Link: func() *workerv1.Link {
			if paired {
				return &workerv1.Link{State: workerv1.LinkState_LINK_STATE_OFFLINE, WaState: "OPENING"}
			}
			return &workerv1.Link{State: workerv1.LinkState_LINK_STATE_UNPAIRED, WaState: "UNPAIRED"}
		},
		Logout: func(context.Context) error { return nil },
		Files:  media.New(media.Config{Log: zerolog.Nop()}),
		Log:    zerolog.Nop(),
	}
	deps.Ready = func(cli *whatsmeow.Client, need relay.Need) error {
		if o.Ready != nil {
			return o.Ready(cli, need)
		}
		return deps.Check(cli, need)
	}
	o.Table = relay.New(deps, families...)
	return o
}

// Always is a Ready that finds every account ready.
func Always(*whatsmeow.Client, relay.Need) error { return nil }

// FaultOf calls and wants a fault.
func FaultOf(t testing.TB, table *relay.Table, method, params string) *fault.Error {
	t.Helper()
	result, err := table.Call(t.Context(), method, json.RawMessage(params), "")
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Errorf("%s(%s): got %s, %v; want a fault", method, params, result, err)
		return &fault.Error{}
	}
	return f
}

// Odd are parameters that nobody means, in every JSON type.
var Odd = []string{
	`null`, `""`, `"\u0000"`, `"x"`, `"1@c.us"`, `"1@g.us"`, `"1@newsletter"`, `"status@broadcast"`, `"2026-01-02T03:04:05Z"`, `"aGVsbG8="`,
	`0`, `-1`, `1`, `1.5`, `1e300`, `9223372036854775808`, `true`, `[]`, `[null]`, `["x"]`, `["1@c.us"]`, `[[]]`, `[{}]`,
	`{}`, `{"x":1}`, `{"conversation":"a"}`, `{"$type":"ImageMessage"}`, `{"$type":"ImageMessage","directPath":"x","mediaKey":"AA==","fileSHA256":"AA==","fileEncSHA256":"AA=="}`,
	`{"$type":"ExtendedTextMessage","thumbnailDirectPath":"x"}`, `{"$type":"WebPushConfig"}`, `{"$date":null}`,
	`{"protocolMessage":{}}`, `{"protocolMessage":{"type":"REVOKE"}}`, `{"editedMessage":{}}`, `{"viewOnceMessage":{}}`, `{"encReactionMessage":{}}`, `{"pollUpdateMessage":{}}`,
	`{"Chat":"1@c.us","Sender":"1@c.us","ID":"A"}`, `{"Info":{"Chat":"1@c.us"},"Message":{"encReactionMessage":{"encPayload":"AA=="}}}`,
	`{"Type":"regular","Mutations":[{"Index":["a"]}]}`, `{"Type":"regular","Mutations":[{"Index":["a"],"Value":{}}]}`, `{"Type":"x"}`,
}

// Everything opens all methods that an operator can open.
func Everything() catalog.Opened {
	names, err := catalog.Names()
	if err != nil {
		panic(err)
	}
	return catalog.NewOpened(append(names, catalog.AllUndecided))
}

// Survives calls with a short deadline and accepts any answer but a bug's.
func Survives(t *testing.T, table *relay.Table, method, params string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	result, err := table.Call(ctx, method, json.RawMessage(params), "")
	var f *fault.Error
	switch {
	case err == nil && !json.Valid(result):
		t.Errorf("%s%s: not JSON: %s", method, params, result)
	case err == nil:
	case !errors.As(err, &f):
		t.Errorf("%s%s: no kind: %v", method, params, err)
	case f.Kind == fault.Internal:
		t.Errorf("%s%s: %v", method, params, err)
	case f.Code == "method_panicked":
		t.Errorf("%s%s panicked", method, params)
	}
}
