package jsonfile_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"whatsapp-manager/api/jsonfile"
	"whatsapp-manager/proto/fault"
)

var errLarge = errors.New("too large")

// shelf keeps files as a worker does.
type shelf map[string][]byte

func (s shelf) put(_ string, r io.Reader) (string, error) {
	data, err := io.ReadAll(r)
	sum := sha256.Sum256(data)
	name := hex.EncodeToString(sum[:])
	s[name] = data
	return name, err
}

func take(r io.Reader, s shelf) ([]byte, error) {
	return jsonfile.Take(r, jsonfile.Options{Limit: 1 << 20, MaxDepth: 100, MaxFiles: 8, Put: s.put, Hold: func(int64) error { return nil }, TooLarge: func() error { return errLarge }})
}

// name is what a shelf calls the file.
func name(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestTake(t *testing.T) {
	file := bytes.Repeat([]byte("\xfb\xff\xfea file "), 20_000) // has + and / in base64
	b64 := base64.StdEncoding.EncodeToString(file)
	long := strings.Repeat("x", jsonfile.Keep+10)
	up := `"upload":"` + name(file) + `"`
	for _, tc := range []struct{ name, in, want string }{
		{"none", `{"params":["1@c.us","hi"]}`, `{"params":["1@c.us","hi"]}`},
		{"short", `[{"data":"aGk="}]`, `[{"data":"aGk="}]`},
		{"a file", `{"params":["1@c.us",{"mimetype":"image/png","data":"` + b64 + `","filename":"a.png"},{}]}`, `{"params":["1@c.us",{"mimetype":"image/png",` + up + `,"filename":"a.png"},{}]}`},
		{"spaces around", "[ { \"data\" :\n \"" + b64 + "\" } ]", "[ { " + up + " } ]"},
		{"in options", `["a","b",{"media":{"data":"` + b64 + `"}}]`, `["a","b",{"media":{` + up + `}}]`},
		{"two", `[{"data":"` + b64 + `"},{"x":1,"data":"` + b64 + `"}]`, `[{` + up + `},{"x":1,` + up + `}]`},
		{"slashes escaped as PHP does", `[{"data":"` + strings.ReplaceAll(b64, "/", `\/`) + `"}]`, `[{` + up + `}]`},
		{"escapes", `[{"data":"` + strings.ReplaceAll(b64, "+", `\u002b`) + `"}]`, `[{` + up + `}]`},
		{"in lines", `[{"data":" \r\n` + b64[:5000] + `\r\n` + b64[5000:] + `\n "}]`, `[{` + up + `}]`},
		{"a data URL", `[{"data":"data:image/png;base64,` + b64 + `"}]`, `[{` + up + `,"mimetype":"image/png"}]`},
		{"a data URL, escaped", `[{"data":"data:image\/png;base64,` + b64 + `"}]`, `[{` + up + `,"mimetype":"image/png"}]`},
		{"a data URL behind a type", `[{"mimetype":"a/b","data":"data:image/png;base64,` + b64 + `"}]`, `[{"mimetype":"a/b",` + up + `}]`},
		{"a data URL behind an empty type", `[{"mimetype":"","data":"data:image/png;base64,` + b64 + `"}]`, `[{"mimetype":"",` + up + `,"mimetype":"image/png"}]`},
		{"another member", `[{"body":"` + long + `"}]`, `[{"body":"` + long + `"}]`},
		{"data that is a name", `[{"` + long + `":"data"}]`, `[{"` + long + `":"data"}]`},
		{"data in an array", `{"data":["` + long + `"]}`, `{"data":["` + long + `"]}`},
		{"escaped quotes", `[{"data":"\"\\"},"\\\"",{"x\"":"` + long + `"}]`, `[{"data":"\"\\"},"\\\"",{"x\"":"` + long + `"}]`},
		{"no JSON", `{"data" "x"]`, `{"data" "x"]`},
		{"cut off in a text", `["abc`, `["abc`},
		{"nothing", ``, ``},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{"at once": strings.NewReader(tc.in), "byte by byte": iotest.OneByteReader(strings.NewReader(tc.in)), "with the end": iotest.DataErrReader(strings.NewReader(tc.in))} {
				files := shelf{}
				got, err := take(r, files)
				if err != nil || string(got) != tc.want {
					t.Errorf("%s: %.300q %v", how, got, err)
				}
				if strings.Contains(tc.want, "upload") != (len(files) == 1) || len(files) == 1 && !bytes.Equal(files[name(file)], file) {
					t.Errorf("%s: %d files, or another one", how, len(files))
				}
			}
		})
	}
}

func TestTakeRefuses(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString(make([]byte, 2*jsonfile.Keep))
	nine := "[" + strings.Repeat(`{"data":"`+b64+`"},`, 8) + `{"data":"` + b64 + `"}]`
	away := errors.New("the line is dead")
	for _, tc := range []struct {
		name  string
		in    io.Reader
		field string
		err   error
	}{
		{"no base64", strings.NewReader(`{"params":["a",{"data":"` + strings.Repeat("?", jsonfile.Keep+1) + `"}]}`), "params[1].data", nil},
		{"no base64 at the end", strings.NewReader(`[{"data":"` + b64 + `!"}]`), "params[0].data", nil},
		{"text behind the padding", strings.NewReader(`[{"data":"` + b64 + b64 + `"}]`), "params[0].data", nil},
		{"half a group", strings.NewReader(`[{"data":"` + strings.Repeat("A", jsonfile.Keep+1) + `"}]`), "params[0].data", nil},
		{"a space inside", strings.NewReader(`[{"data":"AAAA ` + strings.Repeat("A", jsonfile.Keep) + `"}]`), "params[0].data", nil},
		{"characters beyond", strings.NewReader(`{"content":{"data":"\u1234` + strings.Repeat("A", jsonfile.Keep) + `"}}`), "content.data", nil},
		{"a line break as it is", strings.NewReader(`[{"data":"AAAA` + "\n" + strings.Repeat("A", jsonfile.Keep) + `"}]`), "body", nil},
		{"cut off in a file", strings.NewReader(`[{"data":"` + strings.Repeat("A", 2*jsonfile.Keep)), "body", nil},
		{"a broken line", io.MultiReader(strings.NewReader(`[{"data":"`+b64[:2*jsonfile.Keep]), iotest.ErrReader(away)), "", away},
		{"nine files", strings.NewReader(nine), "params[8].data", nil},
		{"bottomless", strings.NewReader(strings.Repeat("[", 200)), "params" + strings.Repeat("[0]", 100), nil},
		{"a long text", strings.NewReader(`["` + strings.Repeat("x", 1<<20) + `"]`), "", errLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := take(tc.in, shelf{})
			var f *fault.Error
			switch {
			case tc.err != nil && !errors.Is(err, tc.err):
				t.Errorf("%v, want %v", err, tc.err)
			case tc.err == nil && (!errors.As(err, &f) || f.Kind != fault.Invalid || f.Field != tc.field):
				t.Errorf("%v, want %s named", err, tc.field)
			}
		})
	}
}

// What is held is told beforehand, and a file of any size adds nothing to it.
func TestAFileIsNotHeld(t *testing.T) {
	var held int64
	hold := func(n int64) error { held += n; return nil }
	discard := func(_ string, r io.Reader) (string, error) { _, err := io.Copy(io.Discard, r); return "x", err }
	in := io.MultiReader(strings.NewReader(`[{"data":"`), io.LimitReader(endless{}, 64<<20), strings.NewReader(`"}]`))
	got, err := jsonfile.Take(in, jsonfile.Options{Limit: 1 << 20, MaxDepth: 10, MaxFiles: 1, Put: discard, Hold: hold, TooLarge: func() error { return errLarge }})
	if err != nil || string(got) != `[{"upload":"x"}]` {
		t.Fatalf("%.100q %v", got, err)
	}
	if held > 128<<10 {
		t.Errorf("%d bytes are held for a file of 48 MiB", held)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'A'
	}
	return len(p), nil
}

// FuzzTake holds the copy against encoding/json: what is JSON stays so, what is
// not does not become so, and exactly the long texts of members data are gone.
func FuzzTake(f *testing.F) {
	// Repetition makes texts long enough to be taken out.
	for _, s := range []string{
		`{"params":["a",{"mimetype":"image/png","data":"QQ~QQ=="}]}`, `[{"data":"data:a/b;base64,QQ~QQ"}]`, `[{"data":"\/\u002b~ "}]`, `["~",{"x":"~"},1e9,null,true]`,
		`{"data":"~`, `{"data":{"data":["~"]}}`, `[{"\u0064ata":"~"}]`, "[\"\\\\\",{\"data\":\"~\n\"}]", `{"data":"~","data":"QQ=="}`, `{"data"  ,"~"}`, `{"a":"data","b":"~"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		in := []byte(strings.ReplaceAll(pattern, "~", strings.Repeat("QUJD", jsonfile.Keep/4+1)))
		if len(in) > 1<<20 {
			return
		}
		files := shelf{}
		got, err := take(bytes.NewReader(in), files)
		again, errAgain := take(iotest.HalfReader(bytes.NewReader(in)), shelf{})
		if fmt.Sprint(err) != fmt.Sprint(errAgain) || !bytes.Equal(got, again) {
			t.Fatalf("it matters how the body arrives: %v, %v", err, errAgain)
		}
		if err != nil {
			return
		}
		if json.Valid(in) != json.Valid(got) {
			t.Fatalf("JSON: %v before, %v after: %.200q", json.Valid(in), json.Valid(got), got)
		}
		if !json.Valid(in) {
			return
		}
		// Put the files back and compare, token by token.
		want, have := tokens(t, in), tokens(t, got)
		for i, j := 0, 0; i < len(want) || j < len(have); i, j = i+1, j+1 {
			if i >= len(want) || j >= len(have) {
				t.Fatalf("%d tokens became %d", len(want), len(have))
			}
			if want[i] == have[j] {
				continue
			}
			if want[i] != "data" || have[j] != "upload" {
				t.Fatalf("token %d: %.100v became %.100v", i, want[i], have[j])
			}
			text, _ := want[i+1].(string)
			name, _ := have[j+1].(string)
			i, j = i+1, j+1
			if head, rest, ok := strings.Cut(text, ","); ok && strings.HasPrefix(head, "data:") && strings.HasSuffix(head, ";base64") {
				text = rest
				if j+1 < len(have) && have[j+1] == "mimetype" && (i+1 >= len(want) || want[i+1] != "mimetype") {
					j += 2
				}
			}
			raw, err := base64.StdEncoding.DecodeString(strings.Trim(text, " \t\r\n"))
			if err != nil || !bytes.Equal(raw, files[name]) {
				t.Fatalf("another file was taken out: %v", err)
			}
		}
	})
}

func tokens(t *testing.T, data []byte) (all []any) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, token)
	}
}
