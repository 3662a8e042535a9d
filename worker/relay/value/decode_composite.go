package value

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"sync"
)

func (d Decoder) decodeSlice(raw json.RawMessage, dst reflect.Value, path string) error {
	var items []json.RawMessage
	if Kind(raw) != "array" || json.Unmarshal(raw, &items) != nil {
		return bad(path, "expected an array, got %s", Kind(raw))
	}
	out := reflect.MakeSlice(dst.Type(), len(items), len(items))
	for i, item := range items {
		at := path + "[" + strconv.Itoa(i) + "]"
		if IsNull(item) && dst.Type().Elem() != anyType {
			return bad(at, "expected a %s, got null", dst.Type().Elem())
		}
		if err := d.Into(item, out.Index(i), at); err != nil {
			return err
		}
	}
	dst.Set(out)
	return nil
}

// decodeArray reads byte arrays of a fixed length, such as keys and hashes.
func decodeArray(raw json.RawMessage, dst reflect.Value, path string) error {
	if dst.Type().Elem().Kind() != reflect.Uint8 {
		return bad(path, "a %s cannot be given as JSON", dst.Type())
	}
	data, err := Bytes(raw, path)
	if err != nil {
		return err
	}
	if len(data) != dst.Len() {
		return bad(path, "expected base64 of %d bytes, got %d", dst.Len(), len(data))
	}
	reflect.Copy(dst, reflect.ValueOf(data))
	return nil
}

func (d Decoder) decodeMap(raw json.RawMessage, dst reflect.Value, path string) error {
	var items map[string]json.RawMessage
	if Kind(raw) != "object" || json.Unmarshal(raw, &items) != nil {
		return bad(path, "expected an object, got %s", Kind(raw))
	}
	out := reflect.MakeMapWithSize(dst.Type(), len(items))
	for name, item := range items {
		at := path + "." + name
		key := reflect.New(dst.Type().Key()).Elem()
		if err := decodeKey(name, key, at); err != nil {
			return err
		}
		v := reflect.New(dst.Type().Elem()).Elem()
		if IsNull(item) && v.Type() != anyType {
			return bad(at, "expected a %s, got null", v.Type())
		}
		if err := d.Into(item, v, at); err != nil {
			return err
		}
		out.SetMapIndex(key, v)
	}
	dst.Set(out)
	return nil
}

func decodeKey(name string, key reflect.Value, path string) error {
	if key.Type() == jidType {
		jid, err := ParseJID(name)
		if err != nil {
			return bad(path, "%s", err)
		}
		key.Set(reflect.ValueOf(jid))
		return nil
	}
	if reader, ok := reflect.TypeAssert[encoding.TextUnmarshaler](key.Addr()); ok {
		if reader.UnmarshalText([]byte(name)) != nil {
			return bad(path, "expected a %s as key", key.Type())
		}
		return nil
	}
	switch key.Kind() {
	case reflect.String:
		key.SetString(name)
		return nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return decodeInt(json.RawMessage(strconv.Quote(name)), key, path)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return decodeUint(json.RawMessage(strconv.Quote(name)), key, path)
	}
	return bad(path, "a key of type %s cannot be given as JSON", key.Type())
}

func (d Decoder) decodeStruct(raw json.RawMessage, dst reflect.Value, path string) error {
	if Kind(raw) != "object" {
		return bad(path, "expected an object, got %s", Kind(raw))
	}
	pairs, err := objectPairs(raw)
	if err != nil {
		return bad(path, "expected an object")
	}
	fields := fieldsOf(dst.Type())
	for _, pair := range pairs {
		f, ok := fields.find(pair.name)
		if !ok {
			if d.Lenient || pair.name == "$type" {
				continue
			}
			return bad(path+"."+pair.name, "%s has no such field; it has %s", dst.Type(), strings.Join(fields.names(), ", "))
		}
		target, err := dst.FieldByIndexErr(f.index)
		if err != nil { // a nil embedded pointer on the way
			return bad(path+"."+pair.name, "cannot be given as JSON")
		}
		if err := d.Into(pair.value, target, path+"."+pair.name); err != nil {
			return err
		}
	}
	return nil
}

type pair struct {
	name  string
	value json.RawMessage
}

// objectPairs keeps the order of the text, so that the first error reported is
// the first in the text.
func objectPairs(raw json.RawMessage) ([]pair, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var pairs []pair
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{name.(string), v})
	}
	return pairs, nil
}

type field struct {
	name      string
	index     []int
	omitEmpty bool
}

type fieldSet []field

func (s fieldSet) find(name string) (field, bool) {
	for _, f := range s {
		if f.name == name {
			return f, true
		}
	}
	for _, f := range s {
		if strings.EqualFold(f.name, name) {
			return f, true
		}
	}
	return field{}, false
}

func (s fieldSet) names() []string {
	names := make([]string, 0, len(s))
	for _, f := range s {
		names = append(names, f.name)
	}
	return names
}

var fieldCache sync.Map // reflect.Type -> fieldSet

// fieldsOf lists the JSON fields of a struct in the order of declaration, the
// fields of embedded structs in their place; an outer field hides an inner one.
func fieldsOf(t reflect.Type) fieldSet {
	if known, ok := fieldCache.Load(t); ok {
		return known.(fieldSet)
	}
	byName := map[string]int{}
	var all fieldSet
	var walk func(t reflect.Type, index []int, depth int)
	walk = func(t reflect.Type, index []int, depth int) {
		for i := range t.NumField() {
			sf := t.Field(i)
			at := append(append([]int(nil), index...), i)
			name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
			if name == "-" || !sf.IsExported() && !sf.Anonymous {
				continue
			}
			if sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct && depth < 8 {
				walk(sf.Type, at, depth+1)
				continue
			}
			if !sf.IsExported() {
				continue
			}
			if name == "" {
				name = sf.Name
			}
			f := field{name: name, index: at, omitEmpty: strings.Contains(options, "omitempty")}
			if old, ok := byName[name]; ok {
				if len(all[old].index) > len(at) {
					all[old] = f
				}
				continue
			}
			byName[name] = len(all)
			all = append(all, f)
		}
	}
	walk(t, nil, 0)
	sort.SliceStable(all, func(i, j int) bool { return less(all[i].index, all[j].index) })
	fieldCache.Store(t, all)
	return all
}

func less(a, b []int) bool {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return len(a) < len(b)
}
