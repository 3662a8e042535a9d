package value

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"go.mau.fi/whatsmeow/types"
)

// maxDepth stops at values that contain themselves.
const maxDepth = 256

// JSON writes any Go value: protobuf messages as protojson, JIDs as strings,
// times as RFC 3339 in UTC (null when zero), durations as Go text, bytes as
// base64, structs under their JSON tags or Go names in the order of
// declaration, nil slices as []. The same value always gives the same bytes.
func JSON(v any) (json.RawMessage, error) {
	return encodeValue(reflect.ValueOf(v))
}

func encodeValue(v reflect.Value) (json.RawMessage, error) {
	var buf bytes.Buffer
	if err := encode(&buf, v, 0); err != nil {
		return nil, fmt.Errorf("encode %s: %w", v.Type(), err)
	}
	return buf.Bytes(), nil
}

func encode(buf *bytes.Buffer, v reflect.Value, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("value is nested deeper than %d", maxDepth)
	}
	if !v.IsValid() || nilable(v.Kind()) && v.IsNil() {
		if v.IsValid() && v.Kind() == reflect.Slice && v.Type() != bytesType {
			buf.WriteString("[]")
			return nil
		}
		buf.WriteString("null")
		return nil
	}
	if done, err := encodeKnown(buf, v); done || err != nil {
		return err
	}
	switch v.Kind() {
	case reflect.Bool:
		buf.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		buf.WriteString(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		buf.WriteString(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		return encodeFloat(buf, v.Float())
	case reflect.String:
		return encodeString(buf, v.String())
	case reflect.Pointer, reflect.Interface:
		return encode(buf, v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		return encodeList(buf, v, depth)
	case reflect.Map:
		return encodeMap(buf, v, depth)
	case reflect.Struct:
		return encodeStruct(buf, v, depth)
	default: // functions and channels carry no data
		buf.WriteString("null")
	}
	return nil
}

func nilable(k reflect.Kind) bool {
	switch k {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan:
		return true
	}
	return false
}

// encodeKnown writes the types that have a form of their own.
func encodeKnown(buf *bytes.Buffer, v reflect.Value) (bool, error) {
	if !v.CanInterface() {
		return false, nil
	}
	switch x := v.Interface().(type) {
	case types.JID:
		return true, encodeString(buf, x.String())
	case time.Time:
		if x.IsZero() {
			buf.WriteString("null")
			return true, nil
		}
		return true, encodeString(buf, x.UTC().Format(time.RFC3339Nano))
	case time.Duration:
		return true, encodeString(buf, x.String())
	case []byte:
		return true, encodeString(buf, base64.StdEncoding.EncodeToString(x))
	case proto.Message:
		return true, encodeProto(buf, x)
	case json.RawMessage:
		return true, json.Compact(buf, x)
	case json.Marshaler:
		data, err := json.Marshal(x)
		buf.Write(data)
		return true, err
	case error:
		return true, encodeString(buf, x.Error())
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return true, err
		}
		return true, encodeString(buf, string(text))
	}
	return false, nil
}

// encodeProto compacts, because protojson varies its white space on purpose.
func encodeProto(buf *bytes.Buffer, msg proto.Message) error {
	data, err := protojson.Marshal(msg)
	if err != nil {
		return err
	}
	return json.Compact(buf, data)
}

func encodeString(buf *bytes.Buffer, s string) error {
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return err
	}
	buf.Truncate(buf.Len() - 1) // Encode ends with a newline
	return nil
}

func encodeFloat(buf *bytes.Buffer, f float64) error {
	switch {
	case math.IsNaN(f):
		buf.WriteString(`{"$number":"NaN"}`)
	case math.IsInf(f, 1):
		buf.WriteString(`{"$number":"Infinity"}`)
	case math.IsInf(f, -1):
		buf.WriteString(`{"$number":"-Infinity"}`)
	default:
		data, err := json.Marshal(f)
		buf.Write(data)
		return err
	}
	return nil
}

func encodeList(buf *bytes.Buffer, v reflect.Value, depth int) error {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		data := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(data), v)
		return encodeString(buf, base64.StdEncoding.EncodeToString(data))
	}
	buf.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			buf.WriteByte(',')
		}
		if err := encode(buf, v.Index(i), depth+1); err != nil {
			return err
		}
	}
	buf.WriteByte(']')
	return nil
}

func encodeMap(buf *bytes.Buffer, v reflect.Value, depth int) error {
	type entry struct {
		name  string
		value reflect.Value
	}
	entries := make([]entry, 0, v.Len())
	for iter := v.MapRange(); iter.Next(); {
		name := fmt.Sprint(iter.Key().Interface())
		if text, ok := reflect.TypeAssert[encoding.TextMarshaler](iter.Key()); ok {
			data, err := text.MarshalText()
			if err != nil {
				return err
			}
			name = string(data)
		}
		entries = append(entries, entry{name, iter.Value()})
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].name < entries[j].name })
	buf.WriteByte('{')
	for i, e := range entries {
		if i > 0 {
			buf.WriteByte(',')
		}
		if err := encodeString(buf, e.name); err != nil {
			return err
		}
		buf.WriteByte(':')
		if err := encode(buf, e.value, depth+1); err != nil {
			return err
		}
	}
	buf.WriteByte('}')
	return nil
}

func encodeStruct(buf *bytes.Buffer, v reflect.Value, depth int) error {
	buf.WriteByte('{')
	first := true
	for _, f := range fieldsOf(v.Type()) {
		fv := v.FieldByIndex(f.index)
		if f.omitEmpty && empty(fv) || fv.Kind() == reflect.Func || fv.Kind() == reflect.Chan {
			continue
		}
		if !first {
			buf.WriteByte(',')
		}
		first = false
		if err := encodeString(buf, f.name); err != nil {
			return err
		}
		buf.WriteByte(':')
		if err := encode(buf, fv, depth+1); err != nil {
			return err
		}
	}
	buf.WriteByte('}')
	return nil
}

// empty is what omitempty means in encoding/json.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// OrNil returns a pointer to v, and nil for a zero value: it leaves the field of
// a protobuf out.
func OrNil[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
