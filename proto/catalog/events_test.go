package catalog

import "testing"

// The 31 names of whatsapp-web.js 1.34.7's Events.
var upstream = []string{
	"authenticated", "auth_failure", "ready", "chat_removed", "chat_archived", "message", "message_ciphertext", "message_ciphertext_failed", "message_create",
	"message_revoke_everyone", "message_revoke_me", "message_ack", "message_edit", "unread_count", "message_reaction", "media_uploaded", "contact_changed",
	"group_join", "group_leave", "group_admin_changed", "group_membership_request", "group_update", "qr", "code", "loading_screen", "disconnected",
	"change_state", "change_battery", "call", "remote_session_saved", "vote_update",
}

func TestEveryEventIsListed(t *testing.T) {
	listed := map[string]Event{}
	for _, e := range Events() {
		if _, twice := listed[e.Name]; twice || e.Arguments == "" || (e.When == "") == (e.Reason == "") {
			t.Errorf("%+v", e)
		}
		listed[e.Name] = e
	}
	for _, name := range upstream {
		if e, ok := listed[name]; !ok || e.Own {
			t.Errorf("%s is not listed", name)
		}
		delete(listed, name)
	}
	for name, e := range listed {
		if !e.Own {
			t.Errorf("%s is not an event of whatsapp-web.js", name)
		}
	}
}
