package wasim_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/types/events"

	controlclient "whatsapp-manager/worker/wasim/client"
	"whatsapp-manager/worker/wasim/passkey"
	"whatsapp-manager/worker/wasim/passkey/authenticator"
)

// call makes a request of the control API and decodes the answer into a map.
func (r *rig) call(method, path, body string, want int) map[string]any {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.ctx, method, "http://"+r.Address()+"/control/"+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if response.StatusCode != want {
		r.t.Fatalf("%s %s: status %d, want %d: %s", method, path, response.StatusCode, want, raw)
	}
	var answer map[string]any
	if err = json.Unmarshal(raw, &answer); err != nil {
		r.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
	}
	return answer
}

func TestControlAPI(t *testing.T) {
	r := newRig(t, nil)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	r.call("POST", "accounts", `{"number":"15550000001","name":"Alice","chats":1,"messages":2}`, 201)
	r.call("POST", "accounts", `{"number":"15550000002","name":"Bob"}`, 201)
	r.call("POST", "accounts", `{"number":"15550000002","name":"Bob"}`, 409)
	r.call("POST", "accounts", `{"number":"abc","name":"Bob"}`, 400)
	r.call("POST", "accounts", `{"numbr":"15550000003"}`, 400)
	r.call("GET", "accounts/15559999999", "", 404)
	r.call("POST", "accounts/15550000002/timer", `{"seconds":86400}`, 200)
	r.call("POST", "accounts/15550000002/timer", `{"seconds":-1}`, 400)

	c := r.newClient()
	if err := c.ConnectContext(r.ctx); err != nil {
		t.Fatal(err)
	}
	qr, err := json.Marshal(map[string]string{"qr": await[*events.QR](c, "QR", nil).Codes[0]})
	if err != nil {
		t.Fatal(err)
	}
	r.call("POST", "accounts/15550000001/scan", `{"qr":"nonsense"}`, 400)
	if device := r.call("POST", "accounts/15550000001/scan", string(qr), 200); device["connected"] != true {
		t.Errorf("paired device %v", device)
	}
	r.call("POST", "accounts/15550000001/wait", `{"for":"idle"}`, 200)
	r.call("POST", "accounts/15550000001/wait", `{"for":"disconnected","timeout":"10ms"}`, 504)

	sent := r.call("POST", "accounts/15550000002/send", `{"to":"15550000001","text":"burst %d","count":3}`, 200)
	if n := len(sent["sent"].([]any)); n != 3 {
		t.Errorf("%d sent", n)
	}
	c.awaitText("burst 3")
	c.send(r.Account("15550000002").PN(), "for the ledger")
	got := r.call("GET", "accounts/15550000002/received?wait=20s", "", 200)
	if message := got["messages"].([]any)[0].(map[string]any); message["text"] != "for the ledger" ||
		got["next"] != 1.0 {
		t.Errorf("received %v", got)
	}

	request, err := http.NewRequestWithContext(r.ctx, http.MethodGet, "http://"+r.Address()+"/control/accounts/15550000002/received", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	stream, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	lines := bufio.NewReader(stream.Body)
	for _, want := range []string{"for the ledger", "streamed"} {
		if want == "streamed" {
			c.send(r.Account("15550000002").PN(), "streamed")
		}
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(line, []byte(want)) {
				break
			}
		}
	}

	group := r.call("POST", "groups", `{"name":"Club","members":["15550000001","15550000002"]}`, 201)
	r.call("POST", "accounts/15550000002/send", `{"to":"`+group["jid"].(string)+`","text":"to the club"}`, 200)
	c.awaitText("to the club")
	r.call("POST", "groups/"+group["jid"].(string)+"/members", `{"remove":["15550000001"]}`, 200)
	if groups := r.call("GET", "groups", "", 200)["groups"].([]any); len(groups) != 1 {
		t.Errorf("groups %v", groups)
	}

	r.call("POST", "faults", `{"fault":"drop","number":"15550000001"}`, 200)
	r.call("POST", "accounts/15550000001/wait", `{"for":"logins","logins":2}`, 200)
	r.call("POST", "faults", `{"fault":"explode"}`, 400)
	r.call("POST", "accounts/15550000002/auto", `{"reply":"you said %s"}`, 200)
	c.send(r.Account("15550000002").PN(), "hello")
	c.awaitText("you said hello")

	request, err = http.NewRequestWithContext(r.ctx, http.MethodGet, "http://"+r.Address()+"/control/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "evil.example:80"
	refused, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	refused.Body.Close()
	if refused.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign host name got %d", refused.StatusCode)
	}
}

// The client for programs drives the ceremony over the control API.
func TestControlPasskeys(t *testing.T) {
	r := newRig(t, nil)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	api, err := controlclient.New(r.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	const number = "15550000001"
	if err = api.CreateAccount(r.ctx, controlclient.Account{
		Number: number, Name: "Alice", Passkey: &controlclient.Passkey{AlwaysConfirm: true},
	}); err != nil {
		t.Fatal(err)
	}
	credential, ceremonies, err := api.Passkey(r.ctx, number)
	if err != nil || len(credential.ID) == 0 || len(ceremonies) != 0 {
		t.Fatalf("credential %v, ceremonies %v, %v", credential.ID, ceremonies, err)
	}
	r.call("POST", "accounts/"+number+"/passkey", `{"credential":{}}`, 400)
	r.call("POST", "accounts/"+number+"/passkey", `{"credential":{"credentialId":"AA==","privateKey":"AA==","userHandle":"AA=="}}`, 400)
	r.call("POST", "accounts/"+number+"/passkey", `{"lifetime":"soon"}`, 400)
	r.call("POST", "accounts/"+number+"/passkey/confirm", `{"code":"1234-5678"}`, 404)
	r.call("POST", "accounts/"+number+"/passkey/reject", `{}`, 404)

	// A credential from elsewhere, which the page's authenticator has already.
	own, err := passkey.NewCredential()
	if err != nil {
		t.Fatal(err)
	}
	taken, err := api.DemandPasskey(r.ctx, number, controlclient.Passkey{
		Credential: (*controlclient.Credential)(&own), ListCredential: true, AlwaysConfirm: true,
	})
	if err != nil || string(taken.ID) != string(own.ID) {
		t.Fatalf("took another credential, %v", err)
	}
	c, text := r.qr()
	if err = api.StartQR(r.ctx, number, text); err != nil {
		t.Fatal(err)
	}
	if err = c.assert(authenticator.Authenticator{Credential: authenticator.Credential(taken)}); err != nil {
		t.Fatal(err)
	}
	shown := c.confirmation().Code
	if err = api.ConfirmCode(r.ctx, number, otherCode(shown)); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("a wrong code: %v", err)
	}
	view := r.call("GET", "accounts/"+number+"/passkey?step=confirm&wait=30s", "", 200)
	if ceremony := view["ceremonies"].([]any)[0].(map[string]any); ceremony["code"] != shown || ceremony["confirm"] != true {
		t.Errorf("ceremony %v, shown %s", ceremony, shown)
	}
	if err = api.ConfirmCode(r.ctx, number, shown); err != nil {
		t.Error(err)
	}
	if err = c.SendPasskeyConfirmation(r.ctx); err != nil {
		t.Fatal(err)
	}
	await[*events.Connected](c, "Connected", nil)
	if account := r.call("GET", "accounts/"+number, "", 200); account["passkey"] != true {
		t.Errorf("account %v", account)
	}

	c, text = r.qr()
	scanned := make(chan error, 1)
	go func() { scanned <- api.ScanQR(r.ctx, number, text) }()
	await[*events.PairPasskeyRequest](c, "PairPasskeyRequest", nil)
	if err = api.ExpireLinking(r.ctx, number); err != nil {
		t.Error(err)
	}
	if err = <-scanned; err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("the scan of a linking that expired: %v", err)
	}
	r.call("DELETE", "accounts/"+number+"/passkey", "", 200)
	c, text = r.qr()
	if err = api.ScanQR(r.ctx, number, text); err != nil {
		t.Errorf("without a demand: %v", err)
	}
	await[*events.PairSuccess](c, "PairSuccess", nil)
}

// A program sends any message, with a file and with a sealed part, each in one call.
func TestControlMessages(t *testing.T) {
	r := newRig(t, nil)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	api, err := controlclient.New(r.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	c, _ := r.pair(alice)
	file := bytes.Repeat([]byte("a file of more than a megabyte "), 1<<16)
	fields, err := api.Media(r.ctx, "document", "application/pdf", false, file)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := api.Message(r.ctx, "15550000002", alice.LID().String(), `{"documentMessage":`+string(fields)+`}`, `{"addressing":"pn"}`)
	if err != nil || sent.Outcome != "delivered" || len(sent.Devices) != 1 {
		t.Fatalf("sent %+v, %v", sent, err)
	}
	m := await(c, "document", func(m *events.Message) bool { return m.Info.ID == sent.ID })
	if got, err := c.Download(r.ctx, m.Message.GetDocumentMessage()); err != nil || !bytes.Equal(got, file) || m.Info.Chat != bob.PN() {
		t.Errorf("%d bytes in %s, %v", len(got), m.Info.Chat, err)
	}
	const secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	sent, err = api.Message(r.ctx, "15550000002", "15550000001", `{"conversation":"target","messageContextInfo":{"messageSecret":"`+secret+`"}}`, "")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := api.Seal(r.ctx, `{"kind":"reaction","originalSender":"`+bob.LID().String()+`","sender":"`+bob.LID().String()+
		`","targetId":"`+sent.ID+`","secret":"`+secret+`","payload":{"text":"+"}}`)
	if err != nil {
		t.Fatal(err)
	}
	if sent, err = api.Message(r.ctx, "15550000002", "15550000001", string(sealed), ""); err != nil {
		t.Fatal(err)
	}
	m = await(c, "reaction", func(m *events.Message) bool { return m.Info.ID == sent.ID })
	if got, err := c.DecryptReaction(r.ctx, m); err != nil || got.GetText() != "+" {
		t.Errorf("reaction %v, %v", got, err)
	}
	channel := r.call("POST", "channels", `{"owner":"15550000002","name":"News","followers":["15550000001"]}`, 201)["jid"].(string)
	if sent, err = api.Message(r.ctx, "15550000002", channel, `{"conversation":"post"}`, ""); err != nil || sent.ServerID == 0 {
		t.Errorf("post %+v, %v", sent, err)
	}
	for body, want := range map[string]int{
		`{"from":"15550000002","to":"15550000001","message":{"conversatoin":"x"}}`:                            400,
		`{"from":"15550000002","to":"15550000001","message":{},"envelope":{"address":"pn"}}`:                  400,
		`{"from":"15550000002","to":"15559999999","message":{}}`:                                              404,
		`{"from":"15550000002","to":"1@newsletter","message":{}}`:                                             404,
		`{"from":"15550000002","to":"15550000001","message":"` + strings.Repeat("x", 16<<20) + `"}`:           400,
		`{"from":"15550000002","to":"15550000001","message":` + strings.Repeat(`{"ephemeralMessage":`, 20000): 400,
	} {
		r.call("POST", "message", body, want)
	}
	r.call("POST", "media?type=film", "x", 400)
	r.call("POST", "media?type=image&plain=perhaps", "x", 400)
	r.call("POST", "seal", `{"kind":"vote"}`, 400)
}
