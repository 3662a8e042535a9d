package linkpage_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/api"
	"whatsapp-manager/api/apitest"
	"whatsapp-manager/api/credential"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/supervisor"
)

func TestAPageLinksItsAccountOnly(t *testing.T) {
	o := open(t)
	address, token, id := o.page(map[string]any{"language": "de", "redirectUrl": "https://example.org/done", "branding": map[string]any{"name": "Example"}})
	if !strings.HasPrefix(address, o.url+"/link/#lnk_") {
		t.Errorf("the address is %s", address)
	}
	for at, want := range map[string]any{"language": "de", "redirectUrl": "https://example.org/done", "branding.name": "Example", "link.step": "idle"} {
		if got := o.want(200, "GET", "/api/link", token, nil, at); got != want {
			t.Errorf("%s: %v, want %v", at, got, want)
		}
	}
	o.want(204, "POST", "/api/link/begin", token, map[string]any{}, "")
	o.flow.next(t, "begin ")
	o.want(204, "POST", "/api/link/begin", token, map[string]any{"phoneNumber": "4915112345678"}, "")
	if number := o.flow.next(t, "begin "); number != "4915112345678" {
		t.Errorf("begins with %q", number)
	}
	o.want(204, "POST", "/api/link/passkey", token, map[string]any{"id": "x"}, "")
	if response := o.flow.next(t, "passkey "); response != `{"id":"x"}` {
		t.Errorf("hands on %s", response)
	}
	o.want(204, "POST", "/api/link/confirm", token, map[string]any{"matches": false}, "")
	o.flow.next(t, "differs")

	// The token is of no use elsewhere, and what is of use elsewhere is of none here.
	o.want(401, "GET", "/api/instances/"+string(account), token, nil, "")
	o.want(401, "GET", pagesPath, token, nil, "")
	o.want(401, "POST", pagesPath, token, map[string]any{}, "")
	o.want(401, "GET", "/api/auth/me", token, nil, "")
	o.want(401, "GET", "/api/link", o.admin, nil, "")
	if code := o.want(401, "GET", "/api/link", credential.NewLink(), nil, "code"); code != "unknown_link" {
		t.Errorf("code %v", code)
	}
	o.want(401, "GET", "/api/link", "", nil, "")

	list, _ := o.want(200, "GET", pagesPath, o.admin, nil, "pages").([]any)
	if raw, _ := json.Marshal(list); len(list) != 1 || strings.Contains(string(raw), "lnk_") || !strings.Contains(string(raw), id) {
		t.Errorf("listed: %s", raw)
	}
	if strings.Contains(o.log.String(), token) {
		t.Error("the token is in the log")
	}
}

func TestAPageEnds(t *testing.T) {
	t.Run("revoked, also for who waits", func(t *testing.T) {
		o := open(t)
		_, token, id := o.page(nil)
		waited := make(chan int)
		version := o.want(200, "GET", "/api/link", token, nil, "link.version").(float64)
		go func() {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, o.url+"/api/link?wait=30s&after="+string(rune('0'+int(version))), nil)
			req.Header.Set("Authorization", "Bearer "+token)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				waited <- 0
				return
			}
			res.Body.Close()
			waited <- res.StatusCode
		}()
		began := time.Now()
		o.want(204, "DELETE", pagesPath+"/"+id, o.admin, nil, "")
		if status := <-waited; status != http.StatusGone || time.Since(began) > 20*time.Second {
			t.Errorf("%d after %s", status, time.Since(began))
		}
		if code := o.want(410, "POST", "/api/link/begin", token, map[string]any{}, "code"); code != "page_revoked" {
			t.Errorf("code %v", code)
		}
		o.want(204, "DELETE", pagesPath+"/"+id, o.admin, nil, "")
		o.want(404, "DELETE", pagesPath+"/zzzzzzzzzzzzzzzzzzzzzzzzzz", o.admin, nil, "")
		if status := o.want(200, "GET", pagesPath, o.admin, nil, "pages").([]any)[0].(map[string]any)["status"]; status != "revoked" {
			t.Errorf("status %v", status)
		}
	})
	t.Run("expired", func(t *testing.T) {
		o := open(t)
		_, token, _ := o.page(map[string]any{"expiresIn": 60})
		_, err := o.store.Pool().Exec(t.Context(), "update link_pages set expires_at = now()")
		must(t, err)
		if code := o.want(410, "GET", "/api/link", token, nil, "code"); code != "page_expired" {
			t.Errorf("code %v", code)
		}
	})
	t.Run("ready", func(t *testing.T) {
		o := open(t)
		_, token, _ := o.page(nil)
		o.flow.show(linking.LinkDocument{Step: linking.StepReady})
		for range 2 { // it says so for a moment
			if step := o.want(200, "GET", "/api/link", token, nil, "link.step"); step != "ready" {
				t.Errorf("step %v", step)
			}
		}
		o.flow.show(linking.LinkDocument{Step: linking.StepIdle}) // logged out: it is not linked anew
		if step := o.want(200, "GET", "/api/link", token, nil, "link.step"); step != "ready" {
			t.Errorf("step %v", step)
		}
		o.want(410, "POST", "/api/link/begin", token, map[string]any{}, "")
		_, err := o.store.Pool().Exec(t.Context(), "update link_pages set ended_at = now() - interval '3 minutes'")
		must(t, err)
		if code := o.want(410, "GET", "/api/link", token, nil, "code"); code != "page_done" {
			t.Errorf("code %v", code)
		}
	})
	t.Run("its account was linked while nobody looked", func(t *testing.T) {
		o := open(t)
		_, token, _ := o.page(nil)
		_, err := o.store.Pool().Exec(t.Context(), "insert into events values ($1, 1, 'k', 'ready', '', '{}', now())", account)
		must(t, err)
		o.want(410, "POST", "/api/link/begin", token, map[string]any{}, "")
	})
	t.Run("its user is disabled, its instance deleted", func(t *testing.T) {
		o := open(t)
		_, token, _ := o.page(nil)
		_, err := o.store.Pool().Exec(t.Context(), "update users set disabled_at = now()")
		must(t, err)
		if code := o.want(401, "GET", "/api/link", token, nil, "code"); code != "account_disabled" {
			t.Errorf("code %v", code)
		}
		_, err = o.store.Pool().Exec(t.Context(), "update users set disabled_at = null")
		must(t, err)
		must(t, o.store.MarkDeleted(t.Context(), account, time.Now()))
		if code := o.want(401, "GET", "/api/link", token, nil, "code"); code != "unknown_link" {
			t.Errorf("code %v", code)
		}
	})
}

func TestAPageStartsNothing(t *testing.T) {
	o := open(t)
	_, token, _ := o.page(nil)
	must(t, o.store.Supervision().SetDesired(t.Context(), account, supervisor.Stop))
	if code := o.want(409, "POST", "/api/link/begin", token, map[string]any{}, "code"); code != "stopped" {
		t.Errorf("code %v", code)
	}
}

func TestNoPageForAnAccountThatIsLinked(t *testing.T) {
	o := open(t)
	o.flow.show(linking.LinkDocument{Step: linking.StepReady})
	if code := o.want(409, "POST", pagesPath, o.admin, nil, "code"); code != "already_paired" {
		t.Errorf("code %v", code)
	}
}

func TestNoPageForAnAccountThatIsLinkedAndStopped(t *testing.T) {
	o := open(t)
	_, err := o.store.Pool().Exec(t.Context(), "update instances set device_jid = '4915112345678:1@s.whatsapp.net', desired = 'stop'")
	must(t, err)
	if code := o.want(409, "POST", pagesPath, o.admin, nil, "code"); code != "already_paired" {
		t.Errorf("code %v", code)
	}
}

func TestAPageEndsWithTheKeyThatMadeIt(t *testing.T) {
	o := open(t)
	keys, admin := "/api/instances/"+string(account)+"/keys", o.admin
	_, raw := apitest.Do(t, "POST", o.url+keys, admin, map[string]any{"name": "hers"})
	var made struct {
		APIKey string
		Key    struct{ ID string }
	}
	must(t, json.Unmarshal(raw, &made))
	o.admin = made.APIKey
	_, token, _ := o.page(nil)
	o.want(200, "GET", "/api/link", token, nil, "")
	res, raw := apitest.Do(t, "DELETE", o.url+keys+"/"+made.Key.ID, admin, nil)
	if res.StatusCode >= 300 {
		t.Fatalf("revoke: %d %s", res.StatusCode, raw)
	}
	if code := o.want(410, "GET", "/api/link", token, nil, "code"); code != "page_revoked" {
		t.Errorf("code %v", code)
	}
}

func TestPhoneNumbersHaveAPaceOfTheirOwn(t *testing.T) {
	o := open(t)
	_, token, _ := o.page(nil)
	_, second, _ := o.page(nil)
	for i, want := range []int{204, 204, 204, 429} {
		asked := []string{token, second}[i%2] // a second page of the account helps nobody
		o.want(want, "POST", "/api/link/begin", asked, map[string]any{"phoneNumber": "4915112345678"}, "")
	}
	o.want(204, "POST", "/api/link/begin", token, map[string]any{}, "") // the QR code disturbs nobody
}

// The database is not asked for what a page asks too often.
func TestALinkTokenIsBoundedBeforeItIsLookedUp(t *testing.T) {
	o := open(t)
	_, token, _ := o.page(nil)
	_, err := o.store.Pool().Exec(t.Context(), "update link_pages set expires_at = now()")
	must(t, err)
	status := 410
	for i := 0; i < 500 && status == 410; i++ {
		res, _ := apitest.Do(t, "GET", o.url+"/api/link", token, nil)
		status = res.StatusCode
	}
	if status != 429 {
		t.Errorf("five hundred requests in a moment: %d", status)
	}
}

func TestPagesAreBounded(t *testing.T) {
	o := open(t)
	_, token, _ := o.page(nil)
	for range 9 {
		o.page(nil)
	}
	if code := o.want(409, "POST", pagesPath, o.admin, nil, "code"); code != "too_many_pages" {
		t.Errorf("code %v", code)
	}
	status := 204
	for i := 0; i < 20 && status == 204; i++ {
		res, _ := apitest.Do(t, "POST", o.url+"/api/link/begin", token, map[string]any{})
		status = res.StatusCode
		if status == 429 && res.Header.Get("Retry-After") == "" {
			t.Error("does not say when to come back")
		}
	}
	if status != 429 {
		t.Errorf("twenty codes in a moment: %d", status)
	}
	for i := 0; i < 100 && status != 401; i++ { // another address's guesses are counted apart from a page's acts
		res, _ := apitest.Do(t, "GET", o.url+"/api/link", credential.NewLink(), nil)
		status = res.StatusCode
	}
	for i := 0; i < 100 && status == 401; i++ {
		res, _ := apitest.Do(t, "GET", o.url+"/api/link", credential.NewLink(), nil)
		status = res.StatusCode
	}
	if status != 429 {
		t.Errorf("a hundred guesses in a moment: %d", status)
	}
}

func TestWhatAPageCannotShowIsRefused(t *testing.T) {
	o := open(t)
	picture := func(kind string, data []byte) string {
		return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data)
	}
	png := []byte("\x89PNG\r\n\x1a\n")
	large := append(bytes.Clone(png), make([]byte, 65<<10)...)
	for name, tc := range map[string]struct {
		body  map[string]any
		field string
	}{
		"too short":               {map[string]any{"expiresIn": 59}, "expiresIn"},
		"too long":                {map[string]any{"expiresIn": 604801}, "expiresIn"},
		"another language":        {map[string]any{"language": "fr"}, "language"},
		"redirect to a script":    {map[string]any{"redirectUrl": "javascript:alert(1)"}, "redirectUrl"},
		"redirect without https":  {map[string]any{"redirectUrl": "http://example.org"}, "redirectUrl"},
		"redirect with a user":    {map[string]any{"redirectUrl": "https://whatsapp.com@example.org"}, "redirectUrl"},
		"name of two lines":       {map[string]any{"branding": map[string]any{"name": "a\nb"}}, "branding.name"},
		"logo as a script":        {map[string]any{"branding": map[string]any{"logo": "javascript:alert(1)"}}, "branding.logo"},
		"logo as SVG":             {map[string]any{"branding": map[string]any{"logo": picture("image/svg+xml", []byte("<svg/>"))}}, "branding.logo"},
		"logo that is no picture": {map[string]any{"branding": map[string]any{"logo": picture("image/png", []byte("<svg/>"))}}, "branding.logo"},
		"logo too large":          {map[string]any{"branding": map[string]any{"logo": picture("image/png", large)}}, "branding.logo"},
		"logo that is no base64":  {map[string]any{"branding": map[string]any{"logo": "data:image/png;base64,%%%"}}, "branding.logo"},
		"logo without https":      {map[string]any{"branding": map[string]any{"logo": "http://example.org/a.png"}}, "branding.logo"},
	} {
		t.Run(name, func(t *testing.T) {
			if field := o.want(400, "POST", pagesPath, o.admin, tc.body, "field"); field != tc.field {
				t.Errorf("names %v, want %s", field, tc.field)
			}
		})
	}
	o.page(map[string]any{"branding": map[string]any{"logo": picture("image/png", png)}})
	_, token, _ := o.page(map[string]any{"branding": map[string]any{"logo": "https://example.org/a.png"}})
	for name, tc := range map[string]struct {
		method, path, field string
		body                any
	}{
		"a long number":       {"POST", "/api/link/begin", "phoneNumber", map[string]any{"phoneNumber": strings.Repeat("1", 41)}},
		"a passkey of no use": {"POST", "/api/link/passkey", "body", []byte("hello")},
		"no passkey":          {"POST", "/api/link/passkey", "", nil},
		"a word for a switch": {"POST", "/api/link/confirm", "matches", map[string]any{"matches": "yes"}},
		"a long wait":         {"GET", "/api/link?wait=31s", "wait", nil},
		"a wait of no time":   {"GET", "/api/link?wait=soon", "wait", nil},
		"a version below 0":   {"GET", "/api/link?after=-1", "after", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if field := o.want(400, tc.method, tc.path, token, tc.body, "field"); tc.field != "" && field != tc.field {
				t.Errorf("names %v, want %s", field, tc.field)
			}
		})
	}
}

func TestTheExtensionMayAskFromItsOwnOrigin(t *testing.T) {
	for name, origins := range map[string][]string{"no CORS otherwise": nil, "other origins may ask the API": {"https://app.example.org"}} {
		t.Run(name, func(t *testing.T) {
			o := open(t, func(c *api.Config) { c.CORSOrigins = origins })
			_, token, _ := o.page(nil)
			ask := func(method, path string) http.Header {
				res, _ := apitest.Do(t, method, o.url+path, token, nil, "Origin", "chrome-extension://abc",
					"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
				return res.Header
			}
			h := ask("OPTIONS", "/api/link/passkey")
			if h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") ||
				h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("the question before: %v", h)
			}
			if got := ask("POST", "/api/link/passkey").Get("Access-Control-Allow-Origin"); got != "*" {
				t.Errorf("the answer, which is an error: %q", got)
			}
			for _, path := range []string{"/api/link", "/api/link/begin", "/api/link/confirm", pagesPath} {
				if got := ask("OPTIONS", path).Get("Access-Control-Allow-Origin"); got != "" {
					t.Errorf("%s is open to %q", path, got)
				}
			}
		})
	}
}
