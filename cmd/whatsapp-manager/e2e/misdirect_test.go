package e2e

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// user makes an ordinary user of the installation and logs in as that one.
func user(t *testing.T, s *stack.Stack, name string) *stack.Client {
	t.Helper()
	ctx := deadline(t, 20*time.Second)
	email, password := name+"@example.org", "a long enough password of "+name
	must(t, s.Client.Want(ctx, http.StatusCreated, http.MethodPost, "/api/users",
		map[string]string{"email": email, "password": password, "role": "user"}, nil))
	c := &stack.Client{Base: s.Client.Base, HTTP: s.Client.HTTP}
	must(t, c.Login(ctx, email, password))
	return c
}

// historyClaim is a notice with a history in it that says that the two are the same.
func historyClaim(t *testing.T, lid, pn types.JID) []byte {
	t.Helper()
	history, err := proto.Marshal(&waHistorySync.HistorySync{
		SyncType: waHistorySync.HistorySync_INITIAL_BOOTSTRAP.Enum(),
		PhoneNumberToLidMappings: []*waHistorySync.PhoneNumberToLIDMapping{{
			LidJID: proto.String(lid.String()),
			PnJID:  proto.String(pn.String()),
		}},
	})
	must(t, err)
	var payload bytes.Buffer
	w := zlib.NewWriter(&payload)
	_, err = w.Write(history)
	must(t, err)
	must(t, w.Close())
	notice, err := protojson.Marshal(&waE2E.HistorySyncNotification{
		SyncType: waE2E.HistorySyncType_INITIAL_BOOTSTRAP.Enum(), InitialHistBootstrapInlinePayload: payload.Bytes(),
	})
	must(t, err)
	return notice
}

// refused calls a method that no client may call and wants the answer that says so.
func (l *linked) refused(t *testing.T, method string, params ...any) {
	t.Helper()
	answer, err := l.stack.Client.Do(deadline(t, 20*time.Second), http.MethodPost, "/api/proxy/"+l.key+"/"+method,
		map[string]any{"params": params})
	must(t, err)
	if answer.Status != http.StatusNotImplemented || !bytes.Contains(answer.Body, []byte(`"impossible"`)) {
		t.Errorf("%s: %d %s", method, answer.Status, answer.Body)
	}
}

// One tenant says in every way there is that a customer of another tenant has
// the attacker's address. What the other tenant sends still comes to the
// customer, and to nobody else.
func TestNobodyMisdirectsAnothersMessages(t *testing.T) {
	t.Parallel()
	s := start(t)
	mallory := user(t, s, "mallory")
	victim := link(t, s, person(t, "Victim", wasim.AccountOptions{}))
	customers, thieves := map[string]*wasim.Account{}, map[string]*wasim.Account{}
	for _, way := range []string{"call", "history call", "phone", "archive"} {
		customers[way] = person(t, "Customer by "+way, wasim.AccountOptions{})
		thieves[way] = person(t, "Thief by "+way, wasim.AccountOptions{})
	}
	known := person(t, "Known to one only", wasim.AccountOptions{})
	claims := func(way string) wasim.AccountOptions {
		// An acquaintance, so that an archive has reason to carry what is known of it.
		acquaintance := wasim.Contact{Number: thieves[way].Number(), Name: "Accomplice"}
		return wasim.AccountOptions{
			Contacts: []wasim.Contact{acquaintance},
			History:  phone.History{Claims: []phone.Claim{{LID: thieves[way].LID(), PN: customers[way].PN()}}},
		}
	}
	rogue := claims("phone")
	rogue.Contacts = append(rogue.Contacts, wasim.Contact{Number: known.Number(), Name: "Known"})
	attacker := linkAs(t, s, mallory, person(t, "Attacker", rogue))

	attacker.refused(t, "whatsmeow.StoreLIDPNMapping", thieves["call"].LID().String(), customers["call"].PN().String())
	attacker.refused(t, "whatsmeow.StoreLIDPNMapping", customers["call"].PN().String(), thieves["call"].LID().String())
	notice := historyClaim(t, thieves["history call"].LID(), customers["history call"].PN())
	attacker.refused(t, "whatsmeow.DownloadHistorySync", json.RawMessage(notice), true)

	// The archive is of an installation that the attacker owns.
	elsewhere := start(t, "WAM_NODE_ID=elsewhere")
	moved := link(t, elsewhere, person(t, "Attacker elsewhere", claims("archive")))
	dir, ctx := t.TempDir(), deadline(t, time.Minute)
	secret, file := filepath.Join(dir, "passphrase"), filepath.Join(dir, "moved.wam")
	must(t, os.WriteFile(secret, []byte("correct horse battery staple\n"), 0o600))
	_, err := elsewhere.Run(ctx, "instances", "export", moved.id, file, "--move", "--passphrase-file", secret)
	must(t, err)
	_, err = s.Run(ctx, "instances", "import", file, "--passphrase-file", secret)
	must(t, err)
	_, err = s.Client.Ready(ctx, moved.id)
	must(t, err)

	const lead = "for the customer only, by "
	for way, customer := range customers {
		t.Run(way, func(t *testing.T) {
			victim.text(t, wid(customer), lead+way)
			wait(t, customer.Phone(), lead+way, func(r phone.Received) bool { return r.Text == lead+way })
			for _, account := range sim.Accounts() {
				for _, r := range account.Phone().Received() {
					if strings.HasPrefix(r.Text, lead+way) && account != customer && account != victim.Account {
						t.Errorf("%s got it, too", account.Phone().PushName())
					}
				}
			}
		})
	}
	t.Run("numbers", func(t *testing.T) {
		type pair struct{ LID, PN string }
		ask := func(l *linked, jid types.JID) pair {
			var pairs []pair
			l.call(t, "getContactLidAndPhone", &pairs, []string{jid.String()})
			if len(pairs) != 1 {
				t.Fatalf("%d answers", len(pairs))
			}
			return pairs[0]
		}
		if got := ask(attacker, known.LID()); got.PN != wid(known) {
			t.Errorf("who knows the number is told %+v", got)
		}
		if got := ask(victim, known.LID()); got != (pair{}) {
			t.Errorf("another tenant is told %+v", got)
		}
	})
}
