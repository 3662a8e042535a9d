package api_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"whatsapp-manager/api"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestFirstAdminGetsARandomPasswordOnce(t *testing.T) {
	st := storetest.New(t)
	log := &lines{}
	s, err := api.New(api.Config{}, api.Deps{Store: st, Supervisor: &fakeSupervisor{}, Log: zerolog.New(log)})
	must(t, err)
	password, err := s.EnsureAdmin(t.Context())
	if err != nil || len(password) < 20 {
		t.Fatalf("password of %d characters, %v", len(password), err)
	}
	if again, err := s.EnsureAdmin(t.Context()); err != nil || again != "" {
		t.Errorf("second call: %q, %v", again, err)
	}
	u, err := st.UserByEmail(t.Context(), "admin@localhost")
	if err != nil || u.Role != "superadmin" || strings.Contains(u.PasswordHash, password) {
		t.Errorf("%s, %v", u.Role, err)
	}
	front := httptest.NewServer(s.Handler())
	defer front.Close()
	o := &office{t: t, url: front.URL}
	o.login("admin@localhost", password)
	if strings.Contains(log.String(), password) {
		t.Error("the password is in the log")
	}
}

func TestRefreshRotatesAndReuseEndsTheSession(t *testing.T) {
	o := open(t)
	first := o.want(http.StatusOK, http.MethodPost, "/api/auth/login", "", map[string]any{"email": "ROOT@example.com", "password": adminPassword})
	if first.str("tokens.expiresIn") != "900" || first.str("user.role") != "superadmin" {
		t.Errorf("login answered %s", first.raw)
	}
	refresh := func(token string) answer {
		return o.do(http.MethodPost, "/api/auth/refresh", "", map[string]any{"refreshToken": token})
	}
	second := refresh(first.str("tokens.refreshToken"))
	if second.status != http.StatusOK {
		t.Fatalf("refresh: %d %s", second.status, second.raw)
	}
	o.want(http.StatusOK, http.MethodGet, "/api/auth/me", second.str("tokens.accessToken"), nil)
	if again := refresh(first.str("tokens.refreshToken")); again.status != http.StatusUnauthorized || again.str("code") != "token_reused" {
		t.Errorf("reuse: %d %s", again.status, again.raw)
	}
	if stolen := refresh(second.str("tokens.refreshToken")); stolen.status != http.StatusUnauthorized {
		t.Errorf("after a reuse the session lives on: %d %s", stolen.status, stolen.raw)
	}
	for _, bad := range []string{"", "x", "wrt_" + strings.Repeat("A", 43)} {
		if a := refresh(bad); a.status != http.StatusUnauthorized {
			t.Errorf("refresh with %q: %d", bad, a.status)
		}
	}
}

func TestLogoutEndsItsOwnSession(t *testing.T) {
	o := open(t)
	login := func() answer {
		return o.want(http.StatusOK, http.MethodPost, "/api/auth/login", "", map[string]any{"email": adminEmail, "password": adminPassword})
	}
	refresh := func(a answer) int {
		return o.do(http.MethodPost, "/api/auth/refresh", "", map[string]any{"refreshToken": a.str("tokens.refreshToken")}).status
	}
	a, b, c := login(), login(), login()
	o.want(http.StatusNoContent, http.MethodPost, "/api/auth/logout", a.str("tokens.accessToken"), nil)
	if refresh(a) != http.StatusUnauthorized || refresh(b) != http.StatusOK {
		t.Error("logout ended the wrong session")
	}
	o.want(http.StatusNoContent, http.MethodPost, "/api/auth/logout-all", c.str("tokens.accessToken"), nil)
	if refresh(c) != http.StatusUnauthorized {
		t.Error("logout-all left a session")
	}
}

func TestChangePassword(t *testing.T) {
	o := open(t)
	token := o.user("ada@example.com", "user")
	change := func(current, next string) answer {
		return o.do(http.MethodPost, "/api/auth/change-password", token, map[string]any{"currentPassword": current, "newPassword": next})
	}
	if a := change("wrong password", "seven lamps in a harbour"); a.status != http.StatusBadRequest || a.str("field") != "currentPassword" {
		t.Errorf("wrong current: %d %s", a.status, a.raw)
	}
	if a := change(adminPassword, "short"); a.status != http.StatusBadRequest || a.str("field") != "newPassword" {
		t.Errorf("short: %d %s", a.status, a.raw)
	}
	if a := change(adminPassword, "seven lamps in a harbour"); a.status != http.StatusOK || a.str("tokens.refreshToken") == "" {
		t.Errorf("change: %d %s", a.status, a.raw)
	}
	o.login("ada@example.com", "seven lamps in a harbour")
	o.want(http.StatusUnauthorized, http.MethodPost, "/api/auth/login", "", map[string]any{"email": "ada@example.com", "password": adminPassword})
}

func TestGuessingIsSlowedDown(t *testing.T) {
	o := open(t)
	try := func(email, password string) answer {
		return o.do(http.MethodPost, "/api/auth/login", "", map[string]any{"email": email, "password": password})
	}
	for i := range 5 {
		if a := try("nobody@example.com", "guess number n"); a.status != http.StatusUnauthorized || a.str("code") != "bad_credentials" {
			t.Fatalf("guess %d: %d %s", i, a.status, a.raw)
		}
	}
	a := try("nobody@example.com", "guess number n")
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
		t.Errorf("sixth guess: %d %s", a.status, a.raw)
	}
	if a := try(adminEmail, adminPassword); a.status != http.StatusOK {
		t.Errorf("another account is locked out too: %d", a.status)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	o := open(t)
	user, admin := o.user("user@example.com", "user"), o.user("admin@example.com", "admin")
	_, key := o.instance(user)
	for _, tc := range []struct {
		name, method, path, credential string
		body                           any
		want                           int
	}{
		{"nobody lists", "GET", "/api/instances", "", nil, 401},
		{"nonsense token", "GET", "/api/instances", "x.y.z", nil, 401},
		{"a key lists", "GET", "/api/instances", key, nil, 403},
		{"a key manages keys", "GET", "/api/users", key, nil, 403},
		{"a user lists users", "GET", "/api/users", user, nil, 403},
		{"an admin lists users", "GET", "/api/users", admin, nil, 200},
		{"an admin makes an admin", "POST", "/api/users", admin, map[string]any{"email": "x@example.com", "password": adminPassword, "role": "admin"}, 403},
		{"an admin makes a user", "POST", "/api/users", admin, map[string]any{"email": "x@example.com", "password": adminPassword}, 201},
		{"twice the same address", "POST", "/api/users", admin, map[string]any{"email": "X@example.com", "password": adminPassword}, 409},
		{"no address", "POST", "/api/users", admin, map[string]any{"email": "x", "password": adminPassword}, 400},
		{"no such user", "GET", "/api/users/abcdefghijkl", admin, nil, 404},
		{"registration is closed", "POST", "/api/auth/register", "", map[string]any{"email": "y@example.com", "password": adminPassword}, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if a := o.do(tc.method, tc.path, tc.credential, tc.body); a.status != tc.want {
				t.Errorf("%s: %d, want %d: %.300s", tc.name, a.status, tc.want, a.raw)
			}
		})
	}
}

func TestRegistrationWhereItIsOpen(t *testing.T) {
	o := open(t, func(c *api.Config, _ *api.Deps) { c.OpenRegister = true })
	register := func(body map[string]any) answer { return o.do(http.MethodPost, "/api/auth/register", "", body) }
	if a := register(map[string]any{"email": "new@example.com", "password": adminPassword, "role": "superadmin"}); a.status != http.StatusBadRequest || a.str("field") != "role" {
		t.Errorf("asked for a role: %d %s", a.status, a.raw)
	}
	free := register(map[string]any{"email": "new@example.com", "password": adminPassword})
	if free.status != http.StatusAccepted || free.str("message") == "" || len(free.json) != 1 {
		t.Errorf("registered: %d %s", free.status, free.raw)
	}
	if role := o.want(http.StatusOK, "GET", "/api/auth/me", o.login("new@example.com", adminPassword), nil).str("user.role"); role != "user" {
		t.Errorf("role %q", role)
	}
	// Whether an address has an account is not told, and its owner notices nothing.
	const other = "seven lamps in a harbour"
	if taken := register(map[string]any{"email": "NEW@example.com", "password": other}); taken.status != free.status || !bytes.Equal(taken.raw, free.raw) {
		t.Errorf("a taken address: %d %s, a free one: %d %s", taken.status, taken.raw, free.status, free.raw)
	}
	o.login("new@example.com", adminPassword)
	o.want(http.StatusUnauthorized, "POST", "/api/auth/login", "", map[string]any{"email": "new@example.com", "password": other})
	for i := range 10 {
		a := register(map[string]any{"email": fmt.Sprintf("crowd%d@example.com", i), "password": adminPassword})
		if i == 9 && (a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "") {
			t.Errorf("account after account from one address: %d %s", a.status, a.raw)
		}
	}
}

func TestDisabledUsersAreOutAtOnce(t *testing.T) {
	o := open(t)
	token := o.user("ada@example.com", "user")
	id := o.want(http.StatusOK, http.MethodGet, "/api/auth/me", token, nil).str("user.id")
	o.want(http.StatusOK, http.MethodPatch, "/api/users/"+id, o.token, map[string]any{"disabled": true})
	if a := o.do(http.MethodGet, "/api/auth/me", token, nil); a.status != http.StatusUnauthorized || a.str("code") != "account_disabled" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	o.want(http.StatusForbidden, http.MethodPost, "/api/auth/login", "", map[string]any{"email": "ada@example.com", "password": adminPassword})
	o.want(http.StatusOK, http.MethodPatch, "/api/users/"+id, o.token, map[string]any{"disabled": false, "role": "admin"})
	if a := o.do(http.MethodGet, "/api/auth/me", token, nil); a.status != http.StatusUnauthorized || a.str("code") != "session_ended" {
		t.Errorf("a session from before lives again: %d %s", a.status, a.raw)
	}
	if role := o.want(http.StatusOK, http.MethodGet, "/api/auth/me", o.login("ada@example.com", adminPassword), nil).str("user.role"); role != "admin" {
		t.Errorf("role %s", role)
	}
	me := o.want(http.StatusOK, http.MethodGet, "/api/auth/me", o.token, nil).str("user.id")
	if a := o.do(http.MethodPatch, "/api/users/"+me, o.token, map[string]any{"role": "user"}); a.status != http.StatusConflict {
		t.Errorf("demoted itself: %d %s", a.status, a.raw)
	}
}
