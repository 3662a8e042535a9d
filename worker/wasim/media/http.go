package media

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxBody bounds one upload: a document of 2 GiB, encrypted.
const maxBody = 2<<30 + 1<<10

type uploaded struct {
	URL        string `json:"url"`
	DirectPath string `json:"direct_path"`
	Handle     string `json:"handle"`
	ObjectID   string `json:"object_id"`
}

// ServeHTTP answers uploads (POST or PUT), downloads (GET, HEAD) and deletions (DELETE) under
// /mms/<kind>/<token> and /newsletter/<kind>/<token>. An upload whose token is not the
// SHA-256 of its body is refused with 400; a body that does not exist gives 404.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.RLock()
	refusal := h.refusal
	h.mu.RUnlock()
	if refusal != 0 {
		http.Error(w, http.StatusText(refusal), refusal)
		return
	}
	path := canonical(r.URL.Path)
	if !strings.HasPrefix(path, "/mms/") && !strings.HasPrefix(path, "/newsletter/") {
		http.NotFound(w, r)
		return
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut:
		h.upload(w, r, path)
	case http.MethodGet, http.MethodHead:
		body, ok := h.load(path)
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(body.size, 10))
		io.Copy(w, body.reader())
	case http.MethodDelete:
		h.Remove(path)
		w.WriteHeader(http.StatusOK)
	default:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}

func (h *Host) upload(w http.ResponseWriter, r *http.Request, path string) {
	body, sum, err := receive(w, r)
	if err != nil {
		http.Error(w, "body unreadable or too large", http.StatusRequestEntityTooLarge)
		return
	}
	if path[strings.LastIndexByte(path, '/')+1:] != token(sum) {
		http.Error(w, "token is not the hash of the body", http.StatusBadRequest)
		return
	}
	h.store(path, body)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(uploaded{
		URL:        "https://" + r.Host + direct(path),
		DirectPath: direct(path),
		Handle:     token(sum),
		ObjectID:   token(sum[:16]),
	})
}
