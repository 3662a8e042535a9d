package media

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"reflect"
	"strings"

	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
)

// Kind is a MessageMedia as a parameter; its value is a *MessageMedia.
var Kind = param.Kind{Label: "MessageMedia", Read: func(raw json.RawMessage, path string) (any, error) {
	m := &MessageMedia{}
	if err := m.Read(raw, path); err != nil {
		return nil, err
	}
	return m, nil
}}

// Example is a MessageMedia for examples: the smallest valid GIF.
const Example = `{"mimetype":"image/gif","data":"R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"}`

// MessageMedia is whatsapp-web.js' MessageMedia: a file as JSON carries it.
type MessageMedia struct {
	Mimetype string          `json:"mimetype"`
	Data     string          `json:"data"` // base64
	Filename *string         `json:"filename"`
	Filesize json.RawMessage `json:"filesize"` // ignored: the data says it
	URL      string          `json:"url"`      // instead of data: where it is fetched from; ours
	Upload   string          `json:"upload"`   // instead of data: the name of an uploaded file; ours

	raw []byte
	at  string // where it stands in the parameters
}

// Read reads the value at path. A file that a URL or an upload names is read
// when it is needed.
func (m *MessageMedia) Read(raw json.RawMessage, path string) error {
	if value.Kind(raw) != "object" {
		return param.Bad(path, "expected a MessageMedia: an object with mimetype and data, got %s", value.Kind(raw))
	}
	if err := (value.Decoder{Lenient: true}).Into(raw, reflect.ValueOf(m).Elem(), path); err != nil {
		return err
	}
	m.at = path
	if (m.URL != "" || m.Upload != "") && m.Data == "" {
		if m.Mimetype != "" {
			if _, _, err := mime.ParseMediaType(m.Mimetype); err != nil {
				return param.Bad(path+".mimetype", "expected a media type like image/jpeg")
			}
		}
		return nil // read when it is needed
	}
	data := m.Data
	header, rest, ok := strings.Cut(data, ",")
	if ok && strings.HasPrefix(header, "data:") && strings.HasSuffix(header, ";base64") {
		data = rest // a data URL, as browsers make them
		if m.Mimetype == "" {
			m.Mimetype = strings.TrimSuffix(strings.TrimPrefix(header, "data:"), ";base64")
		}
	}
	if _, _, err := mime.ParseMediaType(m.Mimetype); err != nil {
		return param.Bad(path+".mimetype", "expected a media type like image/jpeg")
	}
	var err error
	if m.raw, err = base64.StdEncoding.DecodeString(strings.TrimSpace(data)); err != nil {
		return param.Bad(path+".data", "expected base64")
	}
	if len(m.raw) == 0 {
		return param.Bad(path+".data", "is empty")
	}
	if m.Filename != nil && len(*m.Filename) > 255 {
		return param.Bad(path+".filename", "is longer than 255 bytes")
	}
	m.Data = "" // once in memory is enough
	return nil
}
