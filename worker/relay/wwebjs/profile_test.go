package wwebjs

import (
	"testing"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
)

func TestTheAccountItself(t *testing.T) {
	r := newRig(t)
	await(r, "app state", func(e *events.AppStateSyncComplete) bool { return e.Name == appstate.WAPatchCriticalBlock })
	if info := ask[shape.ClientInfo](r, "info"); info.Wid.Serialized != "15550000001@c.us" || info.Pushname != "Alice" || info.Platform != "android" {
		t.Errorf("info %+v", info)
	}
	if state := ask[string](r, "getState"); state != "CONNECTED" {
		t.Errorf("state %s", state)
	}
	ask[any](r, "logout")
	ask[any](r, "whatsmeow.Logout")
	if r.Logouts != 2 {
		t.Errorf("the worker was asked %d times to log out", r.Logouts)
	}
}

func TestBrowserSwitchesAreKept(t *testing.T) {
	r := newRig(t)
	for method, name := range map[string]string{
		"setAutoDownloadAudio": "auto_download_audio", "setAutoDownloadDocuments": "auto_download_documents", "setAutoDownloadPhotos": "auto_download_photos",
		"setAutoDownloadVideos": "auto_download_videos", "setBackgroundSync": "background_sync",
	} {
		t.Run(method, func(t *testing.T) {
			for _, on := range []bool{true, false} {
				want := "null"
				if name == "background_sync" {
					want = map[bool]string{true: "true", false: "false"}[on]
				}
				if got := r.Raw(method, on); got != want {
					t.Errorf("%s: %s", method, got)
				}
				var kept bool
				if err := r.Pool.QueryRow(r.Ctx, `select value from preferences where instance_id = $1 and name = $2`, relaytest.Instance, name).Scan(&kept); err != nil || kept != on {
					t.Errorf("%s(%t): kept %t, %v", method, on, kept, err)
				}
			}
		})
	}
}

func TestOwnProfile(t *testing.T) {
	r := newRig(t)
	r.Synced()
	ask[any](r, "setStatus", "Back at nine")
	if r.Me.About() != "Back at nine" {
		t.Errorf("about: %q", r.Me.About())
	}
	if !ask[bool](r, "setDisplayName", "Alice & Co") {
		t.Error("setDisplayName")
	}
	r.Eventually("the phone has the name", func() bool {
		return r.Me.Phone().Setting(appstate.IndexSettingPushName).GetPushNameSetting().GetName() == "Alice & Co"
	})
	if _, err := r.Try("", "setDisplayName", "  "); !fault.Is(err, fault.Invalid) {
		t.Errorf("no name: %v", err)
	}
	ask[any](r, "sendPresenceUnavailable")
	ask[any](r, "sendPresenceAvailable")
}
