package reflected

import (
	"testing"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/relay/wwebjs"
)

func TestMain(m *testing.M) { relaytest.Main(m) }

// rig is a paired account, with all methods.
type rig struct{ *relaytest.Rig }

func newRig(t *testing.T) *rig {
	t.Helper()
	return &rig{relaytest.New(t, relay.Methods(wwebjs.Rows()), New(catalog.Opened{}))}
}

func ask[T any](r *rig, method string, params ...any) T {
	r.T.Helper()
	return relaytest.Ask[T](r.Rig, method, params...)
}

func await[T any](r *rig, what string, fits func(T) bool) T {
	r.T.Helper()
	return relaytest.Await(r.Rig, what, fits)
}

// offline is a table with the methods of whatsmeow and without a connection.
func offline(t *testing.T, paired bool, opened catalog.Opened) *relaytest.Offline {
	return relaytest.NewOffline(t, paired, New(opened))
}
