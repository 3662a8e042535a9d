package reflected

import (
	"context"
	"reflect"
	"strings"
	"sync"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/policy"
	"whatsapp-manager/worker/relay/value"
)

const familyPrefix = "whatsmeow."

var (
	clientType  = reflect.TypeFor[*whatsmeow.Client]()
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
	jidType     = reflect.TypeFor[types.JID]()
	protoType   = reflect.TypeFor[proto.Message]()
)

// decoder reads the parameters of whatsmeow's methods. A caller may choose one of
// the named types with $type where whatsmeow wants an interface.
var decoder = value.Decoder{Named: []reflect.Type{
	reflect.TypeFor[*waE2E.ImageMessage](),
	reflect.TypeFor[*waE2E.VideoMessage](),
	reflect.TypeFor[*waE2E.AudioMessage](),
	reflect.TypeFor[*waE2E.DocumentMessage](),
	reflect.TypeFor[*waE2E.StickerMessage](),
	reflect.TypeFor[*waE2E.StickerPackMessage](),
	reflect.TypeFor[*waE2E.ExtendedTextMessage](),
	reflect.TypeFor[*waE2E.HistorySyncNotification](),
	reflect.TypeFor[*waServerSync.ExternalBlobReference](),
	reflect.TypeFor[*whatsmeow.FCMPushConfig](),
	reflect.TypeFor[*whatsmeow.APNsPushConfig](),
	reflect.TypeFor[*whatsmeow.WebPushConfig](),
}}

// method is one method of *whatsmeow.Client.
type method struct {
	name         string
	index        int // in the method set of *whatsmeow.Client
	takesContext bool
	in           []reflect.Type // without receiver and context; the last is a slice when variadic
	variadic     bool
	out          []reflect.Type // without the error
	fails        bool           // returns an error last
	reason       string         // why nobody can call it; empty: it can be called
	line         policy.Line    // whether it may be called
	need         relay.Need
}

var allMethods = sync.OnceValue(func() []*method {
	var all []*method
	for method := range clientType.Methods() {
		all = append(all, inspect(method))
	}
	return all
})

var methodsByName = sync.OnceValue(func() map[string]*method {
	byName := map[string]*method{}
	for _, m := range allMethods() {
		byName[m.name] = m
	}
	return byName
})

func inspect(of reflect.Method) *method {
	m := &method{name: of.Name, index: of.Index, variadic: of.Type.IsVariadic()}
	for i := 1; i < of.Type.NumIn(); i++ {
		if in := of.Type.In(i); in == contextType && i == 1 {
			m.takesContext = true
		} else {
			m.in = append(m.in, in)
		}
	}
	for i := range of.Type.NumOut() {
		if out := of.Type.Out(i); out == errorType && i == of.Type.NumOut()-1 {
			m.fails = true
		} else {
			m.out = append(m.out, out)
		}
	}
	m.need = m.needs()
	m.line = policy.For(m.name)
	m.reason = m.obstacle()
	return m
}

// needs returns what a method needs. A method with a context asks WhatsApp, unless
// it only works with the account's own store. The others ask the client itself.
func (m *method) needs() relay.Need {
	switch {
	case unpairedMethods[m.name] || !m.takesContext && !offlineBlocks[m.name]:
		return relay.NeedClient
	case localMethods[m.name]:
		return relay.NeedPaired
	}
	return relay.NeedOnline
}

// obstacle says why a method cannot be called with data.
func (m *method) obstacle() string {
	if m.line.Decision == catalog.Refused {
		return m.line.Why
	}
	for _, in := range m.in {
		if why, ok := decoder.Reads(in); !ok {
			return why
		}
	}
	for _, out := range m.out {
		switch {
		case out.Kind() == reflect.Chan:
			return "it returns a channel"
		case out.Kind() == reflect.Func:
			return "it returns a function"
		case isHandle(out):
			return "it returns a handle on the client, not data"
		}
	}
	return ""
}

// isHandle tells whether a type is a pointer to a struct without exported fields.
func isHandle(t reflect.Type) bool {
	if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct || t.Implements(protoType) {
		return false
	}
	for field := range t.Elem().Fields() {
		if field.IsExported() {
			return false
		}
	}
	return t.Elem().NumField() > 0
}

// localMethods take a context but work with the account's own keys and store.
var localMethods = map[string]bool{
	"BuildPollVote":  true,
	"DecryptComment": true, "DecryptPollVote": true, "DecryptReaction": true, "DecryptSecretEncryptedMessage": true,
	"EncryptComment": true, "EncryptPollVote": true, "EncryptReaction": true,
}

// unpairedMethods take part in pairing.
var unpairedMethods = map[string]bool{"SendPasskeyConfirmation": true, "SendPasskeyResponse": true}

// offlineBlocks take no context but touch the connection.
var offlineBlocks = map[string]bool{"ResetConnection": true}

// emptyJID names the JID parameters (counted without the context) that
// whatsmeow documents as optional: null or "" gives the empty JID there.
var emptyJID = map[string]int{
	"BuildMessageKey": 1, "BuildReaction": 1, "BuildRevoke": 1, "BuildUnavailableMessageRequest": 1, "MarkRead": 3,
}

// mayBeNull tells whether whatsmeow copes with a nil for the parameter: lists
// of options by pointer, such as *GetProfilePictureParams.
func mayBeNull(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer && t.Elem().PkgPath() == clientType.Elem().PkgPath() &&
		strings.HasSuffix(t.Elem().Name(), "Params")
}

// isEnum tells whether a type has a fixed set of words, such as ParticipantChange.
// whatsmeow writes some of them as the name of a stanza's element, and WhatsApp
// ends a connection that sends an element without a name. For three types the
// empty string means something.
func isEnum(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[types.ReceiptType](), reflect.TypeFor[types.ChatPresenceMedia](),
		reflect.TypeFor[whatsmeow.MediaType]():
		return false
	}
	return t.Kind() == reflect.String && t.PkgPath() != ""
}

// least is the number of parameters that must be given.
func (m *method) least() int {
	n := len(m.in)
	if m.variadic {
		n--
	}
	for n > 0 && mayBeNull(m.in[n-1]) {
		n--
	}
	return n
}

// most is the highest number of parameters, -1 for any.
func (m *method) most() int {
	switch {
	case !m.variadic:
		return len(m.in)
	case onlyOne[m.name]:
		return len(m.in)
	}
	return -1
}

// onlyOne names the variadic methods that accept a single extra argument and panic
// or fail on more. They are variadic for the sake of older callers.
var onlyOne = map[string]bool{"SendMessage": true, "MarkRead": true}
