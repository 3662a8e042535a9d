package value

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"whatsapp-manager/proto/fault"
)

func bad(path, format string, args ...any) error {
	return fault.Bad("", path, format, args...)
}

// IsNull tells whether the JSON is absent or null.
func IsNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}

// Kind names the JSON type of a value for error texts: null, boolean, number,
// string, array or object.
func Kind(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if IsNull(raw) {
		return "null"
	}
	switch raw[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	}
	return "number"
}

// TypeTag returns the $type of a tagged object, and "" for anything else.
func TypeTag(raw json.RawMessage) string {
	if Kind(raw) != "object" {
		return ""
	}
	var tag struct {
		Type any `json:"$type"`
	}
	if json.Unmarshal(raw, &tag) != nil {
		return ""
	}
	name, _ := tag.Type.(string)
	return name
}

// tagged returns what an object of the single key holds, e.g. {"$date":…}.
func tagged(raw json.RawMessage, key string) (json.RawMessage, bool) {
	if Kind(raw) != "object" {
		return nil, false
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return nil, false
	}
	inner, ok := object[key]
	return inner, ok && len(object) == 1
}

// Number reads a JSON number, or {"$number":"Infinity"|"-Infinity"|"NaN"|digits}.
func Number(raw json.RawMessage, path string) (float64, error) {
	if inner, ok := tagged(raw, "$number"); ok {
		raw = inner
		var text string
		if json.Unmarshal(raw, &text) == nil {
			switch text {
			case "Infinity", "+Infinity":
				return math.Inf(1), nil
			case "-Infinity":
				return math.Inf(-1), nil
			case "NaN":
				return math.NaN(), nil
			}
			n, err := strconv.ParseFloat(text, 64)
			if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
				return 0, bad(path, "expected a number in $number")
			}
			return n, nil
		}
	}
	var n float64
	if Kind(raw) != "number" || json.Unmarshal(raw, &n) != nil {
		return 0, bad(path, "expected a number, got %s", Kind(raw))
	}
	return n, nil
}

// Limit reads a maximum count: null, any negative number, "Infinity" and
// {"$number":"Infinity"} mean none and give -1.
func Limit(raw json.RawMessage, path string) (int, error) {
	if IsNull(raw) {
		return -1, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if text == "Infinity" {
			return -1, nil
		}
		return 0, bad(path, `expected a number, null or "Infinity"`)
	}
	n, err := Number(raw, path)
	switch {
	case err != nil:
		return 0, err
	case math.IsNaN(n):
		return 0, bad(path, "expected a number, got NaN")
	case n < 0 || n > math.MaxInt32:
		return -1, nil
	}
	return int(n), nil
}

// maxTime bounds the years that both RFC 3339 and Postgres can write.
var maxTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Time reads RFC 3339 (with or without a time zone, or a bare date), epoch
// milliseconds, or {"$date": one of these}. Without a zone it is UTC.
func Time(raw json.RawMessage, path string) (time.Time, error) {
	if inner, ok := tagged(raw, "$date"); ok {
		raw = inner
	}
	if Kind(raw) == "number" {
		ms, err := Number(raw, path)
		if err != nil {
			return time.Time{}, err
		}
		if math.Abs(ms) > float64(maxTime.UnixMilli()) {
			return time.Time{}, bad(path, "expected epoch milliseconds before the year 10000")
		}
		return time.UnixMilli(int64(ms)).UTC(), nil
	}
	var text string
	if Kind(raw) == "string" && json.Unmarshal(raw, &text) == nil {
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
			if t, err := time.Parse(layout, text); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, bad(path, "expected a time as RFC 3339 text or epoch milliseconds")
}

// Duration reads Go text like "1h30m" or a number of milliseconds.
func Duration(raw json.RawMessage, path string) (time.Duration, error) {
	var text string
	if Kind(raw) == "string" && json.Unmarshal(raw, &text) == nil {
		if d, err := time.ParseDuration(text); err == nil {
			return d, nil
		}
		return 0, bad(path, `expected a duration like "90s" or a number of milliseconds`)
	}
	ms, err := Number(raw, path)
	if err != nil || math.IsNaN(ms) {
		return 0, bad(path, `expected a duration like "90s" or a number of milliseconds, got %s`, Kind(raw))
	}
	if math.Abs(ms) > float64(math.MaxInt64/int64(time.Millisecond)) {
		return 0, bad(path, "expected a duration of less than 292 years")
	}
	return time.Duration(ms * float64(time.Millisecond)), nil
}
