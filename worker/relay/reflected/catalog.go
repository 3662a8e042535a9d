package reflected

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/value"
)

// Describe implements relay.Method. Names of whatsmeow's parameters and its
// documentation are not in the program; the generator of the catalog adds them.
func (m *method) Describe() catalog.Method {
	out := catalog.Method{
		Name: familyPrefix + m.name, Family: catalog.Whatsmeow, Class: "whatsmeow", Params: []catalog.Param{},
		Result: m.resultText(), Verdict: catalog.Native, Reason: m.reason,
		Unpaired: m.need < relay.NeedData && m.reason == "",
		Decision: m.line.Decision,
	}
	for i, in := range m.in {
		p := catalog.Param{Name: fmt.Sprintf("p%d", i), Type: typeText(in), Optional: i >= m.least()}
		if m.variadic && i == len(m.in)-1 {
			p.Type, p.Variadic = typeText(in.Elem()), m.most() < 0
		}
		if n, ok := emptyJID[m.name]; ok && n == i {
			p.Doc = "may be null"
		}
		out.Params = append(out.Params, p)
	}
	if m.reason != "" {
		out.Verdict = catalog.Impossible
		return out
	}
	if m.line.Decision != catalog.Open {
		out.Verdict, out.Reason = catalog.Closed, m.line.Why
	}
	out.Sends = sends[m.name]
	out.Getter = m.least() == 0 && (strings.HasPrefix(m.name, "Get") || strings.HasPrefix(m.name, "Is"))
	out.Example = m.example()
	return out
}

// typeText is the Go type as people write it.
func typeText(t reflect.Type) string {
	return strings.ReplaceAll(t.String(), "[]uint8", "[]byte")
}

func (m *method) resultText() string {
	names := make([]string, 0, len(m.out))
	for _, t := range m.out {
		names = append(names, typeText(t))
	}
	switch len(names) {
	case 0:
		return "null"
	case 1:
		return names[0]
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// example builds a params array that decodes, from the types alone.
func (m *method) example() json.RawMessage {
	parts := []json.RawMessage{}
	for _, in := range m.in[:m.least()] {
		part, err := value.JSON(m.sample(in))
		if err != nil {
			return nil
		}
		parts = append(parts, part)
	}
	data, err := json.Marshal(parts)
	if err != nil {
		return nil
	}
	return data
}

func (m *method) sample(t reflect.Type) any {
	switch {
	case t == jidType:
		return m.sampleJID()
	case t.Implements(protoType) && t.Kind() == reflect.Pointer && t.Elem().Name() == "Message":
		return map[string]string{"conversation": "Hello"}
	case t.Implements(protoType) && t.Kind() == reflect.Pointer:
		return sampleProto(reflect.New(t.Elem()).Interface().(proto.Message).ProtoReflect().Descriptor())
	case t == reflect.TypeFor[[]string]() && m.name == "IsOnWhatsApp":
		return []string{"+4915123456789"}
	case t.String() == "time.Time":
		return "2026-01-02T15:04:05Z"
	case t.String() == "time.Duration":
		return "24h"
	case t == reflect.TypeFor[[]byte]():
		return "aGVsbG8="
	}
	if word, ok := words[t]; ok {
		return word
	}
	switch t.Kind() {
	case reflect.String:
		if isEnum(t) {
			return "unknown"
		}
		return ""
	case reflect.Slice:
		return []any{m.sample(t.Elem())}
	case reflect.Pointer, reflect.Struct, reflect.Map:
		return map[string]string{}
	case reflect.Interface:
		for _, named := range decoder.Named {
			if named.Implements(t) {
				return map[string]string{"$type": named.Elem().Name()}
			}
		}
	}
	return reflect.Zero(t).Interface()
}

// words are values of the enumerations, for examples.
var words = map[reflect.Type]string{
	reflect.TypeFor[whatsmeow.ParticipantChange]():        string(whatsmeow.ParticipantChangeAdd),
	reflect.TypeFor[whatsmeow.ParticipantRequestChange](): string(whatsmeow.ParticipantChangeApprove),
	reflect.TypeFor[whatsmeow.MediaType]():                string(whatsmeow.MediaImage),
	reflect.TypeFor[types.ChatPresence]():                 string(types.ChatPresenceComposing),
	reflect.TypeFor[types.Presence]():                     string(types.PresenceAvailable),
	reflect.TypeFor[types.ReceiptType]():                  string(types.ReceiptTypeRead),
	reflect.TypeFor[types.PrivacySettingType]():           string(types.PrivacySettingTypeLastSeen),
	reflect.TypeFor[types.PrivacySetting]():               string(types.PrivacySettingContacts),
	reflect.TypeFor[types.GroupMemberAddMode]():           string(types.GroupMemberAddModeAdmin),
	reflect.TypeFor[appstate.WAPatchName]():               string(appstate.WAPatchRegular),
	reflect.TypeFor[events.BlocklistChangeAction]():       string(events.BlocklistChangeActionBlock),
}

// sampleProto has the fields without which protojson refuses a message.
func sampleProto(of protoreflect.MessageDescriptor) map[string]any {
	sample := map[string]any{}
	for i := range of.RequiredNumbers().Len() {
		field := of.Fields().ByNumber(of.RequiredNumbers().Get(i))
		if field.Message() != nil {
			sample[field.JSONName()] = sampleProto(field.Message())
		} else {
			sample[field.JSONName()] = field.Default().Interface()
		}
	}
	return sample
}

// sampleJID guesses from the method's name what kind of id it wants.
func (m *method) sampleJID() string {
	switch {
	case strings.Contains(m.name, "Newsletter"):
		return "120363000000000000@newsletter"
	case strings.Contains(m.name, "Group"), strings.Contains(m.name, "Disappearing"):
		return "120363000000000000@g.us"
	}
	return "4915123456789@s.whatsapp.net"
}
