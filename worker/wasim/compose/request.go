package compose

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim"
)

// FieldError is a request that cannot be right, and the field that is to blame.
type FieldError struct {
	Field, Text string
}

// Error names the field first.
func (e *FieldError) Error() string { return e.Field + ": " + e.Text }

func wrong(field, format string, args ...any) error {
	return &FieldError{field, fmt.Sprintf(format, args...)}
}

// Bounds on one request.
const (
	// MaxMessage is how many bytes of JSON a message may have.
	MaxMessage  = 4 << 20
	maxElements = 256 // children and attributes of a stanza, in all
	maxText     = 1 << 10
	maxWait     = time.Minute
	maxNesting  = 8
	maxReceiver = 1000
)

// Request is a message to be sent.
type Request struct {
	// From is an account of the simulator: a number, or a JID by number or hidden identity. With
	// a device number, that device sends.
	From string `json:"from"`
	// To is an account with linked devices, one of its devices, a group, a channel, or a
	// broadcast such as status@broadcast. With FromMe it is whom From wrote to, which may be
	// anybody.
	To string `json:"to"`
	// Message is the protojson of a waE2E.Message. Without one, nothing is sealed and the stanza
	// has only the children of the envelope.
	Message  json.RawMessage `json:"message,omitempty"`
	Envelope Envelope        `json:"envelope"`
}

// Envelope is what a stanza says about its message. The zero value is what the simulator's server
// would say.
type Envelope struct {
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"` // unix seconds
	// PushName is the sender's name; nil: the one of the account, empty: none.
	PushName *string `json:"pushName"`
	// Addressing is the form of the sender, "pn" or "lid"; of the recipient where FromMe has one,
	// unless RecipientAddressing says otherwise.
	Addressing          string `json:"addressing"`
	RecipientAddressing string `json:"recipientAddressing"`

	Type     string `json:"type"`
	Category string `json:"category"`
	Edit     string `json:"edit"`
	Offline  string `json:"offline"`
	// Attributes are set last; null takes one away. A text with an @ is a JID.
	Attributes map[string]any `json:"attributes"`
	Children   []Element      `json:"children"`
	// Enc are attributes of the elements with the sealed message, such as decrypt-fail.
	Enc map[string]any `json:"enc"`

	// FromMe makes it a message that the account From sent from its phone, as its other devices
	// are told of it.
	FromMe bool `json:"fromMe"`
	// Receivers are the accounts whose devices get it; nil: all whom it concerns.
	Receivers []string `json:"receivers"`
	// Wait is how long to wait for what becomes of it; nil: 10 seconds.
	Wait *string `json:"wait"`

	// AsIfHistory hands the message over in a part of the history instead.
	AsIfHistory bool `json:"asIfHistory"`
	// History describes that part.
	History History `json:"history"`
}

// History describes the part of a history that a message travels in.
type History struct {
	// Type is that of waHistorySync.HistorySync, in any case: on_demand when empty.
	Type string `json:"type"`
	// Conversation and WebMessage are protojson of waHistorySync.Conversation and
	// waWeb.WebMessageInfo, merged into what there is already.
	Conversation json.RawMessage `json:"conversation,omitempty"`
	WebMessage   json.RawMessage `json:"webMessage,omitempty"`
}

// Element is a child of the stanza. Its content is Text, Base64 or Children.
type Element struct {
	Tag        string         `json:"tag"`
	Attributes map[string]any `json:"attributes"`
	Text       string         `json:"text"`
	Base64     []byte         `json:"base64"`
	Children   []Element      `json:"children"`
}

// Sent is what became of a message.
type Sent struct {
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"`
	ServerID  int    `json:"serverId,omitempty"` // of a post in a channel
	// Outcome is the worst of the devices': refused, retry, waiting, acknowledged, delivered.
	Outcome string          `json:"outcome"`
	Devices []DeviceOutcome `json:"devices"`
}

// DeviceOutcome is what became of a message at one device; see wasim.Outcome.
type DeviceOutcome struct {
	Device  string `json:"device"`
	Outcome string `json:"outcome"`
	Retries int    `json:"retries,omitempty"`
	Code    string `json:"code,omitempty"`
}

// decode reads protojson into a message; the field names it in errors.
func decode(field string, raw json.RawMessage, into proto.Message) error {
	return unmarshal(field, raw, into, protojson.UnmarshalOptions{})
}

// decodePart is decode for a message that may lack required fields.
func decodePart(field string, raw json.RawMessage, into proto.Message) error {
	return unmarshal(field, raw, into, protojson.UnmarshalOptions{AllowPartial: true})
}

func unmarshal(field string, raw json.RawMessage, into proto.Message, options protojson.UnmarshalOptions) error {
	if len(raw) > MaxMessage {
		return wrong(field, "%d bytes, and %d is the most", len(raw), MaxMessage)
	}
	if err := options.Unmarshal(raw, into); err != nil {
		// The library's texts differ by a kind of space from build to build.
		return wrong(field, "%s", strings.ReplaceAll(err.Error(), "\u00a0", " "))
	}
	return nil
}

// given tells whether a JSON value is there.
func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

func readMessage(raw json.RawMessage) (*waE2E.Message, error) {
	if !given(raw) {
		return nil, nil
	}
	message := &waE2E.Message{}
	return message, decode("message", raw, message)
}

// ParseJID reads a number or a JID.
func ParseJID(field, text string) (types.JID, error) {
	whole := text
	if !strings.Contains(text, "@") {
		whole = strings.TrimPrefix(text, "+") + "@" + types.DefaultUserServer
	}
	jid, err := types.ParseJID(whole)
	if err != nil || jid.User == "" || len(text) > maxText {
		return types.EmptyJID, wrong(field, "%.40q is neither a number nor a JID", text)
	}
	return jid, nil
}

func findAccount(s *wasim.Server, field, text string) (*wasim.Account, types.JID, error) {
	jid, err := ParseJID(field, text)
	if err != nil {
		return nil, jid, err
	}
	account := s.AccountOf(jid)
	if account == nil {
		return nil, jid, fmt.Errorf("%s: %q: %w", field, text, wasim.ErrNoAccount)
	}
	return account, jid, nil
}

// check holds the plain fields of an envelope to their forms.
func (e *Envelope) check() error {
	for field, form := range map[string]string{
		"envelope.addressing": e.Addressing, "envelope.recipientAddressing": e.RecipientAddressing,
	} {
		if form != "" && form != formPN && form != formLID {
			return wrong(field, "%.40q is neither pn nor lid", form)
		}
	}
	for field, text := range map[string]string{
		"envelope.id": e.ID, "envelope.type": e.Type, "envelope.category": e.Category,
		"envelope.edit": e.Edit, "envelope.offline": e.Offline,
	} {
		if len(text) > maxText {
			return wrong(field, "%d bytes, and %d is the most", len(text), maxText)
		}
	}
	if e.PushName != nil && len(*e.PushName) > maxText {
		return wrong("envelope.pushName", "%d bytes, and %d is the most", len(*e.PushName), maxText)
	}
	if len(e.Receivers) > maxReceiver {
		return wrong("envelope.receivers", "%d, and %d is the most", len(e.Receivers), maxReceiver)
	}
	return nil
}

func (e *Envelope) wait() (time.Duration, error) {
	if e.Wait == nil {
		return 10 * time.Second, nil
	}
	d, err := time.ParseDuration(*e.Wait)
	if err != nil || d < 0 || d > maxWait {
		return 0, wrong("envelope.wait", "%.40q is no duration of at most %s", *e.Wait, maxWait)
	}
	return d, nil
}
