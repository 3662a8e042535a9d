package api_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"whatsapp-manager/api"
)

// signIn returns the answer to a login.
func (o *office) signIn(email string) answer {
	o.t.Helper()
	return o.want(http.StatusOK, "POST", "/api/auth/login", "", map[string]any{"email": email, "password": adminPassword})
}

// age makes all sessions look as if their passwords were given so long ago.
func (o *office) age(by time.Duration) {
	o.t.Helper()
	_, err := o.store.Pool().Exec(o.t.Context(), "update refresh_tokens set proved_at = proved_at - $1::interval", by)
	must(o.t, err)
}

func TestAccessTokensEndWithTheirSession(t *testing.T) {
	o := open(t)
	o.user("ada@example.com", "user")
	id := o.signIn("ada@example.com").str("user.id")
	patch := func(body map[string]any) func(answer) {
		return func(answer) { o.want(http.StatusOK, "PATCH", "/api/users/"+id, o.token, body) }
	}
	const next = "seven lamps in a harbour"
	for _, tc := range []struct {
		name, code string
		end        func(answer)
	}{
		{"logout", "session_ended", func(a answer) {
			o.want(http.StatusNoContent, "POST", "/api/auth/logout", a.str("tokens.accessToken"), nil)
		}},
		{"logout of all, in another session", "session_ended", func(answer) {
			o.want(http.StatusNoContent, "POST", "/api/auth/logout-all", o.signIn("ada@example.com").str("tokens.accessToken"), nil)
		}},
		{"a refresh token used twice", "session_ended", func(a answer) {
			used := map[string]any{"refreshToken": a.str("tokens.refreshToken")}
			o.want(http.StatusOK, "POST", "/api/auth/refresh", "", used)
			o.want(http.StatusUnauthorized, "POST", "/api/auth/refresh", "", used)
		}},
		{"another role", "session_ended", patch(map[string]any{"role": "admin"})},
		{"another role again", "session_ended", patch(map[string]any{"role": "user"})},
		{"a password set by an administrator", "session_ended", patch(map[string]any{"password": adminPassword})},
		{"disabled", "account_disabled", patch(map[string]any{"disabled": true})},
		{"disabled and enabled", "session_ended", func(a answer) {
			patch(map[string]any{"disabled": true})(a)
			patch(map[string]any{"disabled": false})(a)
		}},
		{"another password, in another session", "session_ended", func(answer) {
			o.want(http.StatusOK, "POST", "/api/auth/change-password", o.signIn("ada@example.com").str("tokens.accessToken"), map[string]any{"currentPassword": adminPassword, "newPassword": next})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := o.signIn("ada@example.com")
			token := a.str("tokens.accessToken")
			o.want(http.StatusOK, "GET", "/api/auth/me", token, nil)
			tc.end(a)
			if got := o.do("GET", "/api/auth/me", token, nil); got.status != http.StatusUnauthorized || got.str("code") != tc.code {
				t.Errorf("the access token: %d %s", got.status, got.raw)
			}
			if got := o.do("POST", "/api/instances", token, map[string]any{"name": "stolen"}); got.status != http.StatusUnauthorized {
				t.Errorf("it makes an instance with a key: %d %s", got.status, got.raw)
			}
			if tc.code == "account_disabled" {
				patch(map[string]any{"disabled": false})(answer{})
			}
		})
	}
	o.want(http.StatusOK, "GET", "/api/auth/me", o.token, nil) // nobody else's
}

// Another manager of the same database ends a session: this one sees it in seconds.
func TestASessionEndedElsewhere(t *testing.T) {
	o := open(t)
	token := o.user("ada@example.com", "user")
	id := o.want(http.StatusOK, "GET", "/api/auth/me", token, nil).str("user.id")
	must(t, o.store.RevokeUserTokens(t.Context(), id, time.Now()))
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); o.do("GET", "/api/auth/me", token, nil).status != http.StatusUnauthorized; <-tick.C {
		if time.Since(began) > 5*time.Second {
			t.Fatal("the access token outlives its session")
		}
	}
}

func TestWhatOutlivesATokenAsksForThePassword(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	o.user("ada@example.com", "user")
	ada := o.signIn("ada@example.com").str("user.id")
	old := o.signIn(adminEmail)
	o.age(11 * time.Minute)
	// A refresh proves nothing.
	token := o.want(http.StatusOK, "POST", "/api/auth/refresh", "", map[string]any{"refreshToken": old.str("tokens.refreshToken")}).str("tokens.accessToken")
	for _, tc := range []struct {
		name, method, path string
		body               map[string]any
		status             int
	}{
		{"an instance", "POST", "/api/instances", map[string]any{"name": "x"}, http.StatusCreated},
		{"a key", "POST", "/api/instances/" + id + "/keys", map[string]any{"name": "x"}, http.StatusCreated},
		{"a user", "POST", "/api/users", map[string]any{"email": "ben@example.com", "password": adminPassword}, http.StatusCreated},
		{"a role", "PATCH", "/api/users/" + ada, map[string]any{"role": "admin"}, http.StatusOK},
		{"somebody's password", "PATCH", "/api/users/" + ada, map[string]any{"password": adminPassword}, http.StatusOK},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if a := o.do(tc.method, tc.path, token, tc.body); a.status != http.StatusForbidden || a.str("code") != "password_required" || a.str("field") != "currentPassword" {
				t.Errorf("without it: %d %s", a.status, a.raw)
			}
			tc.body["currentPassword"] = "not the right one"
			if a := o.do(tc.method, tc.path, token, tc.body); a.status != http.StatusForbidden || a.str("code") != "password_wrong" || a.str("field") != "currentPassword" {
				t.Errorf("with a wrong one: %d %s", a.status, a.raw)
			}
			tc.body["currentPassword"] = adminPassword
			o.want(tc.status, tc.method, tc.path, token, tc.body)
		})
	}
	o.want(http.StatusForbidden, "POST", "/api/instances/"+id+"/keys", key, map[string]any{"currentPassword": adminPassword}) // a key makes no key
	// What lasts no longer than the token does not ask.
	o.want(http.StatusOK, "GET", "/api/instances", token, nil)
	o.want(http.StatusOK, "PATCH", "/api/instances/"+id, token, map[string]any{"name": "y"})
	// Guessing with a stolen token is slowed down as a login is.
	for i := range 10 {
		a := o.do("POST", "/api/instances/"+id+"/keys", token, map[string]any{"currentPassword": "guess number n"})
		if i == 9 && (a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "") {
			t.Errorf("guess %d: %d %s", i, a.status, a.raw)
		}
	}
}

// guessing is an office behind a proxy, which says whom it forwards for.
func guessing(t *testing.T) *office {
	return open(t, func(c *api.Config, _ *api.Deps) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
}

func (o *office) guess(from, email, password string) int {
	return o.do("POST", "/api/auth/login", "", map[string]any{"email": email, "password": password}, "X-Forwarded-For", from).status
}

func TestFortyAddressesGuessAtOneAccount(t *testing.T) {
	for _, account := range []string{adminEmail, "nobody@example.com"} {
		t.Run(account, func(t *testing.T) {
			o := guessing(t)
			const home = "198.51.100.7"
			if status := o.guess(home, adminEmail, adminPassword); status != http.StatusOK {
				t.Fatalf("the owner: %d", status)
			}
			var mu sync.Mutex
			heard := map[int]int{}
			var all sync.WaitGroup
			began := time.Now()
			for i := range 40 {
				all.Go(func() {
					for n := range 5 {
						status := o.guess(fmt.Sprintf("203.0.113.%d", i), account, fmt.Sprint("guess number ", i, n))
						mu.Lock()
						heard[status]++
						mu.Unlock()
					}
				})
			}
			all.Wait()
			took := time.Since(began)
			most := 6 // and one more each time that the delay, which doubles, is over
			for delay := 2 * time.Second; took > delay; delay *= 2 {
				most++
			}
			t.Logf("of 200 guesses in %s: %v", took.Round(time.Millisecond), heard)
			if heard[http.StatusUnauthorized] > most || heard[http.StatusUnauthorized] < 5 || heard[http.StatusUnauthorized]+heard[http.StatusTooManyRequests] != 200 {
				t.Errorf("of 200 guesses in %s: %v", took, heard)
			}
			if status := o.guess(home, adminEmail, adminPassword); status != http.StatusOK {
				t.Errorf("the owner, from where they were before: %d", status)
			}
		})
	}
}

func TestAddressesOfOneHostAreOne(t *testing.T) {
	o := guessing(t)
	heard := 0
	for i := range 12 { // in a /64, at as many accounts: only the pair of both is slowed down, not yet the address
		if o.guess(fmt.Sprintf("2001:db8:1:2::%x", i+1), "somebody@example.com", "guess number n") == http.StatusUnauthorized {
			heard++
		}
	}
	if heard != 5 {
		t.Errorf("%d guesses were heard", heard)
	}
}

func TestManyLoginsAtOnceWaitInAShortQueue(t *testing.T) {
	o := guessing(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	codes := map[string]int{}
	for i := range 120 {
		all.Go(func() {
			a := o.do("POST", "/api/auth/login", "", map[string]any{"email": fmt.Sprintf("u%d@example.com", i), "password": "guess number n"}, "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i))
			mu.Lock()
			codes[a.str("code")]++
			mu.Unlock()
		})
	}
	all.Wait()
	if codes["bad_credentials"]+codes["login_busy"] != 120 || codes["bad_credentials"] == 0 {
		t.Errorf("answers: %v", codes)
	}
	if status := o.guess("127.0.0.1", adminEmail, adminPassword); status != http.StatusOK {
		t.Errorf("a login afterwards: %d", status)
	}
}
