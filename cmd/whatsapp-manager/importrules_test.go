package main

import (
	"slices"
	"testing"
)

func TestTheRulesBite(t *testing.T) {
	find := func(path string) room {
		return rooms[slices.IndexFunc(rooms, func(r room) bool { return within(r.path, path) })]
	}
	for _, tc := range []struct {
		from, to   string
		test, want bool
	}{
		{"api", module + "supervisor/store", false, true},
		{"api/feed", module + "api", false, true},
		{"api", module + "worker/relay", false, false},
		{"api", module + "api/sends", false, true},
		{"api/auth", module + "api/sends", false, false},
		{"api/auth", module + "api", false, false},
		{"api/docs", module + "api/auth", false, false},
		{"api/sends", module + "api", false, false},
		{"api/sends", module + "api/auth", false, false},
		{"api/sends", module + "api/route", false, false},
		{"api/upkeep", module + "api", false, false},
		{"api/upkeep", module + "supervisor", false, false},
		{"api/sends/outbox", module + "api/upkeep", false, false},
		{"api", module + "supervisor/localpg", false, false},
		{"api", "github.com/jackc/pgx/v5", false, false},
		{"supervisor", module + "supervisor/store", false, false},
		{"supervisor", "net/http", false, false},
		{"supervisor/workerproc", module + "supervisor", false, false},
		{"supervisor/rollout", module + "supervisor", false, false},
		{"supervisor/rollout", module + "supervisor/workerconn", false, false},
		{"supervisor/workerconn", module + "supervisor/rollout", false, false},
		{"api", module + "supervisor/workerproc", false, false},
		{"supervisor/workerproc", module + "proto/process", false, true},
		{"supervisor/store", module + "api", false, false},
		{"worker", module + "worker/mirror", false, true},
		{"worker", module + "supervisor", false, false},
		{"worker", module + "worker/wasim", false, false},
		{"worker/relay", module + "worker/wasim/phone", true, true},
		{"worker/relay", module + "worker/relay/wwebjs", false, false},
		{"worker/relay", module + "worker/relay/content", false, false},
		{"worker/relay/wwebjs", module + "worker/relay/reflected", false, false},
		{"worker/relay/reflected", module + "worker/relay/wwebjs", false, false},
		{"worker/relay/media", module + "worker/relay", false, false},
		{"worker/relay/content", "net/http", false, false},
		{"worker/mirror", module + "supervisor/store/storetest", false, false},
		{"worker/wasim", module + "worker/relay", false, false},
		{"worker/wasim/wire", "go.mau.fi/whatsmeow/binary", false, true},
		{"worker/wasim", "go.mau.fi/whatsmeow", false, false},
		{"worker/wasim", module + "worker/wasim/phone", false, true},
		{"worker/wasim/phone", module + "worker/wasim", false, false},
		{"worker/wasim/groups", module + "worker/wasim", false, false},
		{"worker/wasim/groups", module + "worker/wasim/channels", false, false},
		{"worker/wasim/control", module + "worker/wasim", false, true},
		{"worker/wasim/client", module + "worker/wasim", false, false},
		{"worker/link", "go.mau.fi/whatsmeow/types/events", false, false},
		{"worker/link", module + "worker/client", false, false},
		{"worker/host", module + "worker/relay", false, false},
		{"worker/rpc", module + "worker/mirror", false, false},
		{"worker/rpc", module + "worker/relay", false, true},
		{"worker/pgretry", module + "worker/mirror", false, false},
		{"worker/client", "github.com/jackc/pgx/v5", false, false},
		{"worker/mirror", module + "worker/keystore", true, true},
		{"worker/relay", "image/png", false, false},
		{"worker/relay", "golang.org/x/image/webp", false, false},
		{"worker", module + "worker/decode", false, true},
		{"worker/decode", "image/png", false, true},
		{"worker/decode", module + "worker/relay", false, false},
		{"proto/process", module + "proto/fault", false, false},
		{"supervisor/localpg", module + "proto/process", false, true},
		{"supervisor/localpg", module + "proto/fault", false, false},
		{"proto/fault", module + "supervisor", false, false},
		{"supervisor/keyfile", module + "supervisor/store", false, false},
		{"supervisor/store", module + "supervisor/keyfile", false, false},
		{"cmd/wasim", module + "worker/wasim", false, true},
		{"cmd/whatsapp-manager", module + "worker/wasim", false, false},
		{"cmd/whatsapp-manager", module + "worker/wasim/client", false, true},
		{"cmd/whatsapp-manager", module + "worker", false, false},
		{"cmd/whatsapp-manager/e2e", module + "worker/wasim", true, true},
	} {
		t.Run(tc.from+" to "+tc.to, func(t *testing.T) {
			if got := find(tc.from).mayImport(tc.to, tc.test); got != tc.want {
				t.Errorf("in a test %v: allowed %v, want %v", tc.test, got, tc.want)
			}
		})
	}
}
