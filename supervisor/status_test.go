package supervisor

import (
	"testing"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

func TestStatusWord(t *testing.T) {
	link := func(s workerv1.LinkState) *workerv1.Link { return &workerv1.Link{State: s} }
	for _, tc := range []struct {
		name string
		s    Status
		want string
	}{
		{"never started", Status{State: Stopped, Desired: Stop}, "created"},
		{"first start is due", Status{State: Stopped, Desired: Run}, "connecting"},
		{"stopped after a life", Status{State: Stopped, Desired: Stop, Generation: 3}, "stopped"},
		{"launched", Status{State: Starting, Desired: Run}, "connecting"},
		{"ended, waits", Status{State: Backoff, Desired: Run}, "disconnected"},
		{"breaker open", Status{State: Failed, Desired: Run}, "error"},
		{"being restarted", Status{State: Stopping, Desired: Run}, "connecting"},
		{"being stopped", Status{State: Stopping, Desired: Stop}, "disconnected"},
		{"attached, nothing reported", Status{State: Running}, "connecting"},
		{"unpaired, about to show a code", Status{State: Running, Link: link(workerv1.LinkState_LINK_STATE_UNPAIRED)}, "connecting"},
		{"codes ran out", Status{State: Running, Link: &workerv1.Link{State: workerv1.LinkState_LINK_STATE_UNPAIRED, Reason: "qr_expired"}}, "disconnected"},
		{"code on show", Status{State: Running, Link: link(workerv1.LinkState_LINK_STATE_PAIRING)}, "qr_pending"},
		{"dialling, no account", Status{State: Running, Link: link(workerv1.LinkState_LINK_STATE_CONNECTING)}, "connecting"},
		{"dialling, with account", Status{State: Running, Link: &workerv1.Link{State: workerv1.LinkState_LINK_STATE_CONNECTING, Jid: "1@s.whatsapp.net"}}, "authenticated"},
		{"usable", Status{State: Running, Link: link(workerv1.LinkState_LINK_STATE_ONLINE)}, "ready"},
		{"usable, manager not attached", Status{State: Detached, Link: link(workerv1.LinkState_LINK_STATE_ONLINE)}, "ready"},
		{"just adopted", Status{State: Detached}, "connecting"},
		{"connection lost", Status{State: Running, Link: link(workerv1.LinkState_LINK_STATE_OFFLINE)}, "disconnected"},
		{"unlinked on the phone", Status{State: Running, Link: link(workerv1.LinkState_LINK_STATE_LOGGED_OUT)}, "disconnected"},
		{"banned", Status{State: Running, Link: link(workerv1.LinkState_LINK_STATE_REFUSED)}, "error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := StatusWord(tc.s); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
