// Package apitest asks the HTTP API in tests, as a client does. It knows no route
// and no form of an answer.
//
// Importing it outside of tests is wrong.
package apitest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Do sends body (bytes as they are, anything else as JSON, nil for none) with the
// credential as Bearer, unless that is empty; headers are name and value in turn.
// It returns the answer and its body, which it has read and closed.
func Do(t testing.TB, method, url, credential string, body any, headers ...string) (*http.Response, []byte) {
	t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		must(t, err)
		reader = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, reader)
	must(t, err)
	if reader != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(t, err)
	return res, raw
}

// At returns the value at a path like instance.id; nil where there is none.
func At(object map[string]any, path string) any {
	var v any = object
	for name := range strings.SplitSeq(path, ".") {
		inner, _ := v.(map[string]any)
		v = inner[name]
	}
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
