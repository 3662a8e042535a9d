package relay

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"reflect"
	"strings"

	"whatsapp-manager/worker/relay/value"
)

// messageMedia is whatsapp-web.js' MessageMedia: a file as JSON carries it.
type messageMedia struct {
	Mimetype string          `json:"mimetype"`
	Data     string          `json:"data"` // base64
	Filename *string         `json:"filename"`
	Filesize json.RawMessage `json:"filesize"` // ignored: the data says it
	URL      string          `json:"url"`      // instead of data: where it is fetched from; ours
	Upload   string          `json:"upload"`   // instead of data: the name of an uploaded file; ours

	raw []byte
	at  string // where it stands in the parameters
}

func (m *messageMedia) read(raw json.RawMessage, path string) error {
	if value.Kind(raw) != "object" {
		return bad(path, "expected a MessageMedia: an object with mimetype and data, got %s", value.Kind(raw))
	}
	if err := (value.Decoder{Lenient: true}).Into(raw, reflect.ValueOf(m).Elem(), path); err != nil {
		return err
	}
	m.at = path
	if (m.URL != "" || m.Upload != "") && m.Data == "" {
		if m.Mimetype != "" {
			if _, _, err := mime.ParseMediaType(m.Mimetype); err != nil {
				return bad(path+".mimetype", "expected a media type like image/jpeg")
			}
		}
		return nil // read when it is needed
	}
	data := m.Data
	if header, rest, ok := strings.Cut(data, ","); ok && strings.HasPrefix(header, "data:") && strings.HasSuffix(header, ";base64") {
		data = rest // a data URL, as browsers make them
		if m.Mimetype == "" {
			m.Mimetype = strings.TrimSuffix(strings.TrimPrefix(header, "data:"), ";base64")
		}
	}
	if _, _, err := mime.ParseMediaType(m.Mimetype); err != nil {
		return bad(path+".mimetype", "expected a media type like image/jpeg")
	}
	var err error
	if m.raw, err = base64.StdEncoding.DecodeString(strings.TrimSpace(data)); err != nil {
		return bad(path+".data", "expected base64")
	}
	if len(m.raw) == 0 {
		return bad(path+".data", "is empty")
	}
	if m.Filename != nil && len(*m.Filename) > 255 {
		return bad(path+".filename", "is longer than 255 bytes")
	}
	m.Data = "" // once in memory is enough
	return nil
}
