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

	file Body   // nil until it is read
	at   string // where it stands in the parameters
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
			if !isMediaType(m.Mimetype) {
				return param.Bad(path+".mimetype", "expected a media type like image/jpeg")
			}
		}
		return nil // read when it is needed
	}
	data, err := m.fromDataURL(path)
	if err != nil {
		return err
	}
	if !isMediaType(m.Mimetype) {
		return param.Bad(path+".mimetype", "expected a media type like image/jpeg, here or in front of the data, "+
			"as in data:image/jpeg;base64,…")
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(data))
	if err != nil {
		return param.Bad(path+".data", "expected base64")
	}
	if len(decoded) == 0 {
		return param.Bad(path+".data", "is empty")
	}
	if m.Filename != nil && len(*m.Filename) > 255 {
		return param.Bad(path+".filename", "is longer than 255 bytes")
	}
	m.file, m.Data = held(decoded), "" // once in memory is enough
	return nil
}

// fromDataURL returns the base64 of the data. Where that is a data URL (RFC 2397), as
// browsers make them, its media type counts unless there is a mimetype.
func (m *MessageMedia) fromDataURL(path string) (data string, err error) {
	rest, isURL := strings.CutPrefix(strings.TrimSpace(m.Data), "data:")
	if !isURL {
		return m.Data, nil
	}
	header, data, whole := strings.Cut(rest, ",")
	kind, encoded := strings.CutSuffix(header, ";base64")
	if !whole || !encoded {
		return "", param.Bad(path+".data", "expected base64, or a data URL of the form data:image/png;base64,…")
	}
	if m.Mimetype == "" {
		m.Mimetype = kind
	}
	return data, nil
}

func isMediaType(s string) bool {
	kind, _, err := mime.ParseMediaType(s)
	return err == nil && strings.Contains(kind, "/")
}
