package api

import "testing"

func TestWhatTheLogShowsOfAPath(t *testing.T) {
	for _, tc := range []struct {
		route, want string
		params      map[string]string
	}{
		{"/api/proxy/:key/:method", "/api/proxy/***/getChats", map[string]string{"key": "wam_abc", "method": "getChats"}},
		{"/api/proxy/:key/:method", "/api/proxy/***/getChats", map[string]string{"key": "typo", "method": "getChats"}},
		{"/api/proxy/:key/:method", "/api/proxy/***/***", map[string]string{"key": "wam_abc", "method": "wam_def"}},
		{"/api/proxy/:method", "/api/proxy/getChats", map[string]string{"method": "getChats"}},
		{"/api/proxy/:method", "/api/proxy/chats", map[string]string{"method": "chats"}},
		{"/api/proxy/:method", "/api/proxy/***", map[string]string{"method": "wam_abc"}},
		{"/api/proxy/methods", "/api/proxy/methods", nil},
		{"", "unmatched", nil},
		{"/api/instances/:id/messages/:messageId/media", "/api/instances/k3f9a0c2m1zq/messages/:messageId/media", map[string]string{"id": "k3f9a0c2m1zq", "messageId": "false_4915112345678@c.us_3EB0"}},
		{"/api/instances/:id/sends/:key", "/api/instances/k3f9a0c2m1zq/sends/:key", map[string]string{"id": "k3f9a0c2m1zq", "key": "4915112345678"}},
		{"/api/instances/:id", "/api/instances/:id", map[string]string{"id": "491511234567"}},
		{"/api/users/:id", "/api/users/:id", map[string]string{"id": "ada@example.com"}},
	} {
		t.Run(tc.route+" "+tc.want, func(t *testing.T) {
			if got := shownPath(tc.route, func(name string) string { return tc.params[name] }); got != tc.want {
				t.Errorf("%s with %v became %s, want %s", tc.route, tc.params, got, tc.want)
			}
		})
	}
}
