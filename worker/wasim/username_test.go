package wasim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/user"
)

// The first history tells usernames; whatsmeow passes them on.
func TestUsernamesAreHandedOver(t *testing.T) {
	r := newRig(t, nil)
	alice, err := r.CreateAccount("15550000001", "Alice", wasim.AccountOptions{
		Contacts: []wasim.Contact{{Number: "15550000002", Name: "Bob", Username: "bob.builds"}}, Chats: 1, Messages: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	c, _ := r.pair(alice)
	await(c, "history", func(e *events.HistorySync) bool {
		for _, chat := range e.Data.GetConversations() {
			if chat.GetUsername() == "bob.builds" {
				return true
			}
		}
		return false
	})
}

func TestUsernamesByTheControlAPI(t *testing.T) {
	r := newRig(t, nil)
	for _, tc := range []struct {
		name, path, body string
		status           int
		want             string
	}{
		{"at once", "accounts", `{"number":"15550000001","username":{"name":"alice"}}`, 201, "alice"},
		{"later", "accounts/15550000001/username", `{"name":"alice.b","key":"1234"}`, 200, "alice.b"},
		{"free again", "accounts", `{"number":"15550000002","username":{"name":"alice"}}`, 201, "alice"},
		{"taken", "accounts/15550000002/username", `{"name":"Alice.B"}`, 409, ""},
		{"no name", "accounts/15550000002/username", `{"name":"a"}`, 400, ""},
		{"no letter", "accounts/15550000002/username", `{"name":"123"}`, 400, ""},
		{"no key", "accounts/15550000002/username", `{"name":"alice","key":"12"}`, 400, ""},
		{"taken away", "accounts/15550000002/username", `{}`, 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			response, err := http.Post("http://"+r.Address()+"/control/"+tc.path, "application/json", strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var view struct{ Username string }
			if err := json.NewDecoder(response.Body).Decode(&view); err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != tc.status || view.Username != tc.want {
				t.Errorf("%d %+v", response.StatusCode, view)
			}
		})
	}
	if got := r.Account("15550000001").Username(); got != (user.Username{Name: "alice.b", Key: "1234"}) {
		t.Errorf("%+v", got)
	}
}
