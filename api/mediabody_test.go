package api_test

import (
	"net/http"
	"strings"
	"testing"

	"whatsapp-manager/api"
)

// A file may be larger than other bodies, where one can be sent and for those
// who have a key.
func TestFilesMayBeLarger(t *testing.T) {
	o := open(t, func(c *api.Config, _ *api.Deps) { c.BodyLimit, c.MediaBodyLimit = 1<<16, 1<<20 })
	_, key := o.instance(o.token)
	file := func(size int) []byte {
		return []byte(`["1@c.us",{"mimetype":"image/png","data":"` + strings.Repeat("A", size) + `"}]`)
	}
	for _, tc := range []struct {
		name, path string
		body       []byte
		status     int
	}{
		{"a file", "/api/proxy/" + key + "/sendMessage", file(1 << 18), http.StatusOK},
		{"a file in options", "/api/proxy/" + key + "/sendMessage", []byte(`["1@c.us","x",{"media":{"data":"` + strings.Repeat("A", 1<<18) + `"}}]`), http.StatusOK},
		{"a file that is too large", "/api/proxy/" + key + "/sendMessage", file(2 << 20), http.StatusRequestEntityTooLarge},
		{"a long text", "/api/proxy/" + key + "/sendMessage", []byte(`["1@c.us","` + strings.Repeat("A", 1<<18) + `"]`), http.StatusRequestEntityTooLarge},
		{"a file where none belongs", "/api/proxy/" + key + "/getChatById", file(1 << 18), http.StatusRequestEntityTooLarge},
		{"a stranger", "/api/proxy/wam_nosuchkey/sendMessage", file(1 << 18), http.StatusUnauthorized},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if a := o.do("POST", tc.path, "", tc.body); a.status != tc.status {
				t.Errorf("%s: %d %.200s", tc.name, a.status, a.raw)
			}
		})
	}
}
