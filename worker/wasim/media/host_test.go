package media

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func request(t *testing.T, method, url string, body []byte) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, data
}

func serve(t *testing.T) (*Host, string) {
	host := &Host{}
	server := httptest.NewServer(host)
	t.Cleanup(server.Close)
	host.SetHostname(strings.TrimPrefix(server.URL, "http://"))
	return host, server.URL
}

func TestUploadDownloadDelete(t *testing.T) {
	for name, encoding := range map[string]*base64.Encoding{"padded": base64.URLEncoding, "unpadded": base64.RawURLEncoding} {
		t.Run(name, func(t *testing.T) {
			host, url := serve(t)
			key, body, err := Encrypt(Image, []byte("a picture"))
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(body)
			token := encoding.EncodeToString(sum[:])
			status, data := request(t, http.MethodPost, url+"/mms/image/"+token+"?auth=x&token="+token, body)
			var answer struct {
				URL        string `json:"url"`
				DirectPath string `json:"direct_path"`
			}
			if err := json.Unmarshal(data, &answer); err != nil || status != http.StatusOK {
				t.Fatalf("%d %s: %v", status, data, err)
			}
			if !strings.Contains(answer.DirectPath, "?") ||
				!strings.HasPrefix(answer.URL, "https://"+strings.TrimPrefix(url, "http://")) {
				t.Fatalf("answer is %+v", answer)
			}
			status, data = request(t, http.MethodGet, url+answer.DirectPath+"&hash="+token+"&mms-type=image&__wa-mms=", nil)
			plain, err := Decrypt(Image, key, data)
			if status != http.StatusOK || err != nil || string(plain) != "a picture" {
				t.Fatalf("%d %q %v", status, plain, err)
			}
			if status, _ = request(t, http.MethodDelete, url+"/mms/image/"+token+"?auth=x", nil); status != http.StatusOK || host.Len() != 0 {
				t.Fatalf("delete: %d, %d left", status, host.Len())
			}
			if status, _ = request(t, http.MethodGet, url+answer.DirectPath, nil); status != http.StatusNotFound {
				t.Fatalf("deleted media: %d", status)
			}
		})
	}
}

func TestPutIsDownloadable(t *testing.T) {
	host, url := serve(t)
	blob, err := host.Put(History, []byte("a history"))
	if err != nil {
		t.Fatal(err)
	}
	if blob.URL != "https://"+strings.TrimPrefix(url, "http://")+blob.DirectPath || blob.Length != 9 {
		t.Fatalf("blob is %+v", blob)
	}
	_, body := request(t, http.MethodGet, url+blob.DirectPath+"&hash=x", nil)
	sum := sha256.Sum256(body)
	if !bytes.Equal(sum[:], blob.EncSHA256) {
		t.Fatal("body has another hash than announced")
	}
	if plain, err := Decrypt(History, blob.Key, body); err != nil || string(plain) != "a history" {
		t.Fatalf("%q %v", plain, err)
	}
	if _, err := Decrypt(Image, blob.Key, body); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("opened as another kind: %v", err)
	}
	if plain, err := Decrypt(History, blob.Key, body); err != nil || string(plain) != "a history" {
		t.Fatalf("second opening: %q %v", plain, err)
	}
}

func TestRefusals(t *testing.T) {
	host, url := serve(t)
	for path, want := range map[string]int{
		"/mms/image/bm90IHRoZSBoYXNo": http.StatusBadRequest,
		"/elsewhere/x":                http.StatusNotFound,
	} {
		t.Run(path, func(t *testing.T) {
			if status, _ := request(t, http.MethodPost, url+path, []byte("body")); status != want {
				t.Errorf("got %d", status)
			}
		})
	}
	if status, _ := request(t, http.MethodPatch, url+"/mms/image/x", nil); status != http.StatusMethodNotAllowed {
		t.Errorf("PATCH: %d", status)
	}
	blob, err := host.Put(Image, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	host.Refuse(http.StatusServiceUnavailable)
	if status, _ := request(t, http.MethodGet, url+blob.DirectPath, nil); status != http.StatusServiceUnavailable {
		t.Errorf("refused: %d", status)
	}
	host.Refuse(0)
	if status, _ := request(t, http.MethodGet, url+blob.DirectPath, nil); status != http.StatusOK {
		t.Errorf("after the refusal: %d", status)
	}
	if !host.Expire(blob.DirectPath) || host.Expire(blob.DirectPath) {
		t.Error("media expires once")
	}
	if _, err := host.Get(blob.DirectPath); !errors.Is(err, ErrMissing) {
		t.Errorf("expired media: %v", err)
	}
	if !host.Revive(blob.DirectPath) || host.Revive("/mms/image/other?") {
		t.Error("revived what never was, or not what had been")
	}
}

func TestZeroHostNeedsNoName(t *testing.T) {
	var host Host
	blob, err := host.Put(Document, nil)
	if err != nil || blob.URL != "" {
		t.Fatalf("%+v %v", blob, err)
	}
	body, err := host.Get(blob.DirectPath)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := Decrypt(Document, blob.Key, body); err != nil || len(plain) != 0 {
		t.Fatalf("%q %v", plain, err)
	}
}
