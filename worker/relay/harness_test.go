package relay_test

import (
	"testing"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/reflected"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/relay/wwebjs"
)

func TestMain(m *testing.M) { relaytest.Main(m) }

// rig is a paired account, with all methods.
type rig struct{ *relaytest.Rig }

func newRig(t *testing.T) *rig {
	t.Helper()
	return &rig{relaytest.New(t, relay.Methods(wwebjs.Rows()), reflected.New(catalog.Opened{}))}
}

func ask[T any](r *rig, method string, params ...any) T {
	r.T.Helper()
	return relaytest.Ask[T](r.Rig, method, params...)
}

// offline is a table with all methods and without a connection.
func offline(t testing.TB, paired bool) *relaytest.Offline {
	return relaytest.NewOffline(t, paired, relay.Methods(wwebjs.Rows()), reflected.New(catalog.Opened{}))
}
