package value

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
)

var (
	jidType         = reflect.TypeFor[types.JID]()
	timeType        = reflect.TypeFor[time.Time]()
	durationType    = reflect.TypeFor[time.Duration]()
	bytesType       = reflect.TypeFor[[]byte]()
	anyType         = reflect.TypeFor[any]()
	protoType       = reflect.TypeFor[proto.Message]()
	jsonDecoderType = reflect.TypeFor[json.Unmarshaler]()
	textDecoderType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// Decoder turns JSON into Go values. The zero value is ready.
type Decoder struct {
	// Lenient ignores fields that a struct does not have, as JavaScript does.
	Lenient bool
	// Named lists pointer types that a caller may choose with $type where an
	// interface is wanted.
	Named []reflect.Type
}

// Into stores raw in dst, which must be settable. Path names the place in error
// texts, e.g. "params[1]". Null leaves the zero value.
func (d Decoder) Into(raw json.RawMessage, dst reflect.Value, path string) error {
	if IsNull(raw) {
		dst.SetZero()
		return nil
	}
	t := dst.Type()
	switch t {
	case jidType:
		return set(dst, path, raw, JID)
	case timeType:
		return set(dst, path, raw, Time)
	case durationType:
		return set(dst, path, raw, Duration)
	case bytesType:
		return set(dst, path, raw, Bytes)
	case anyType:
		return decodeAny(raw, dst, path)
	}
	if t.Implements(protoType) && t.Kind() == reflect.Pointer {
		return decodeProto(raw, dst, path)
	}
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface {
		if reflect.PointerTo(t).Implements(jsonDecoderType) {
			return decodeCustom(raw, dst, path)
		}
		if reflect.PointerTo(t).Implements(textDecoderType) {
			return decodeText(raw, dst, path)
		}
	}
	switch t.Kind() {
	case reflect.Bool:
		return decodeBool(raw, dst, path)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return decodeInt(raw, dst, path)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return decodeUint(raw, dst, path)
	case reflect.Float32, reflect.Float64:
		n, err := Number(raw, path)
		if err == nil {
			dst.SetFloat(n)
		}
		return err
	case reflect.String:
		return decodeString(raw, dst, path)
	case reflect.Pointer:
		dst.Set(reflect.New(t.Elem()))
		return d.Into(raw, dst.Elem(), path)
	case reflect.Slice:
		return d.decodeSlice(raw, dst, path)
	case reflect.Array:
		return decodeArray(raw, dst, path)
	case reflect.Map:
		return d.decodeMap(raw, dst, path)
	case reflect.Struct:
		return d.decodeStruct(raw, dst, path)
	case reflect.Interface:
		return d.decodeInterface(raw, dst, path)
	}
	return fault.New(fault.Unimplemented, "", "%s: a %s cannot be given as JSON", path, t)
}

func set[T any](
	dst reflect.Value, path string, raw json.RawMessage, read func(json.RawMessage, string) (T, error),
) error {
	v, err := read(raw, path)
	if err == nil {
		dst.Set(reflect.ValueOf(v))
	}
	return err
}

func decodeBool(raw json.RawMessage, dst reflect.Value, path string) error {
	if Kind(raw) != "boolean" {
		return bad(path, "expected true or false, got %s", Kind(raw))
	}
	dst.SetBool(strings.TrimSpace(string(raw)) == "true")
	return nil
}

// integerText returns the digits of an integer given as number or as text, for
// values beyond 2^53 that JavaScript can only keep as text.
func integerText(raw json.RawMessage, path string) (string, error) {
	var text string
	switch Kind(raw) {
	case "string":
		if err := json.Unmarshal(raw, &text); err != nil {
			return "", bad(path, "expected an integer")
		}
		return text, nil
	case "number":
		text = strings.TrimSpace(string(raw))
		f, err := strconv.ParseFloat(text, 64)
		if err == nil && f == math.Trunc(f) && strings.ContainsAny(text, ".eE") && math.Abs(f) < 1<<53 {
			text = strconv.FormatInt(int64(f), 10)
		}
		return text, nil
	}
	return "", bad(path, "expected an integer, got %s", Kind(raw))
}

func decodeInt(raw json.RawMessage, dst reflect.Value, path string) error {
	text, err := integerText(raw, path)
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(text, 10, dst.Type().Bits())
	if err != nil {
		return bad(path, "expected an integer of %d bits", dst.Type().Bits())
	}
	dst.SetInt(n)
	return nil
}

func decodeUint(raw json.RawMessage, dst reflect.Value, path string) error {
	text, err := integerText(raw, path)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(text, 10, dst.Type().Bits())
	if err != nil {
		return bad(path, "expected a non-negative integer of %d bits", dst.Type().Bits())
	}
	dst.SetUint(n)
	return nil
}

// String reads text without NUL, which neither Postgres nor WhatsApp's ids can hold.
func String(raw json.RawMessage, path string) (string, error) {
	var text string
	if Kind(raw) != "string" || json.Unmarshal(raw, &text) != nil {
		return "", bad(path, "expected a string, got %s", Kind(raw))
	}
	if strings.IndexByte(text, 0) >= 0 {
		return "", bad(path, "expected text without the character U+0000")
	}
	return text, nil
}

func decodeString(raw json.RawMessage, dst reflect.Value, path string) error {
	text, err := String(raw, path)
	if err == nil {
		dst.SetString(text)
	}
	return err
}

// Bytes reads base64, standard or URL alphabet, with or without padding.
func Bytes(raw json.RawMessage, path string) ([]byte, error) {
	var text string
	if Kind(raw) != "string" || json.Unmarshal(raw, &text) != nil {
		return nil, bad(path, "expected base64 text, got %s", Kind(raw))
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	data, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, bad(path, "expected base64 text")
	}
	return data, nil
}

func decodeProto(raw json.RawMessage, dst reflect.Value, path string) error {
	if Kind(raw) != "object" {
		return bad(path, "expected a %s as protojson object, got %s", dst.Type().Elem(), Kind(raw))
	}
	raw, err := withoutTypeTag(raw)
	if err != nil {
		return bad(path, "expected a JSON object")
	}
	msg := reflect.New(dst.Type().Elem())
	if err := protojson.Unmarshal(raw, msg.Interface().(proto.Message)); err != nil {
		return bad(path, "expected a %s as protojson: %s", dst.Type().Elem(), cleanProtoError(err))
	}
	dst.Set(msg)
	return nil
}

func withoutTypeTag(raw json.RawMessage) (json.RawMessage, error) {
	if TypeTag(raw) == "" {
		return raw, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, err
	}
	delete(object, "$type")
	return json.Marshal(object)
}

// cleanProtoError drops the "proto:" prefix, whose white space is random on
// purpose. The rest names fields and positions, at most one scalar of the input.
func cleanProtoError(err error) string {
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	text = strings.TrimSpace(strings.TrimPrefix(text, "proto:"))
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}

// decodeCustom lets a type that reads its own JSON do so.
func decodeCustom(raw json.RawMessage, dst reflect.Value, path string) error {
	v := reflect.New(dst.Type())
	if err := json.Unmarshal(raw, v.Interface()); err != nil {
		return bad(path, "expected a %s", dst.Type())
	}
	if node, ok := reflect.TypeAssert[*waBinary.Node](v); ok {
		if err := checkNode(node, path); err != nil {
			return err
		}
	}
	dst.Set(v.Elem())
	return nil
}

// checkNode refuses what whatsmeow's encoder would panic on.
func checkNode(node *waBinary.Node, path string) error {
	if node.Tag == "" {
		return bad(path+".Tag", "expected the name of the node")
	}
	for name, attr := range node.Attrs {
		switch attr.(type) {
		case nil, string, bool, int64, types.JID:
		default:
			return bad(path+".Attrs."+name, "expected a string, number or boolean")
		}
	}
	children, _ := node.Content.([]waBinary.Node)
	for i := range children {
		if err := checkNode(&children[i], path+".Content["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	return nil
}

func decodeText(raw json.RawMessage, dst reflect.Value, path string) error {
	text, err := String(raw, path)
	if err != nil {
		return err
	}
	v := reflect.New(dst.Type())
	if err := v.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		return bad(path, "expected a %s", dst.Type())
	}
	dst.Set(v.Elem())
	return nil
}

// decodeAny keeps integers as integers: whatsmeow's encoders refuse floats.
func decodeAny(raw json.RawMessage, dst reflect.Value, path string) error {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return bad(path, "expected JSON")
	}
	if n, ok := v.(float64); ok && n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		v = int64(n)
	}
	dst.Set(reflect.ValueOf(v))
	return nil
}

func (d Decoder) decodeInterface(raw json.RawMessage, dst reflect.Value, path string) error {
	candidates := d.implementers(dst.Type())
	if len(candidates) == 0 {
		return fault.New(fault.Unimplemented, "", "%s: a %s cannot be given as JSON", path, dst.Type())
	}
	if Kind(raw) != "object" {
		return bad(path, "expected an object with $type, got %s", Kind(raw))
	}
	tag := TypeTag(raw)
	names := make([]string, 0, len(candidates))
	for _, t := range candidates {
		name := t.Elem().Name()
		names = append(names, name)
		if tag != name {
			continue
		}
		untagged, err := withoutTypeTag(raw)
		if err != nil {
			return bad(path, "expected a JSON object")
		}
		v := reflect.New(t).Elem()
		if err := d.Into(untagged, v, path); err != nil {
			return err
		}
		dst.Set(v)
		return nil
	}
	return bad(path, "expected $type to be one of %s", strings.Join(names, ", "))
}

func (d Decoder) implementers(iface reflect.Type) []reflect.Type {
	var found []reflect.Type
	for _, t := range d.Named {
		if t.Implements(iface) {
			found = append(found, t)
		}
	}
	return found
}

// Reads tells whether any JSON can become a value of the type; if not, why says
// what is in the way.
func (d Decoder) Reads(t reflect.Type) (why string, ok bool) {
	switch t {
	case jidType, timeType, durationType, bytesType, anyType:
		return "", true
	}
	switch t.Kind() {
	case reflect.Func:
		return "it takes a callback", false
	case reflect.Chan:
		return "it takes a channel", false
	case reflect.Interface:
		if len(d.implementers(t)) > 0 {
			return "", true
		}
		return "it takes an " + t.String() + ", which is not data", false
	case reflect.Pointer:
		if t.Implements(protoType) {
			return "", true
		}
		if t.Elem().PkgPath() == "net/http" {
			return "it takes an HTTP client", false
		}
		return d.Reads(t.Elem())
	case reflect.Slice, reflect.Array, reflect.Map:
		return d.Reads(t.Elem())
	case reflect.Complex64, reflect.Complex128, reflect.UnsafePointer, reflect.Uintptr:
		return "it takes a " + t.String(), false
	}
	return "", true
}
