package formats

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/ratchet"
	"whatsapp-manager/worker/keystore"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func b(of byte, n int) []byte { return bytes.Repeat([]byte{of}, n) }

func public(of byte) []byte { return append([]byte{5}, b(of, 32)...) }

// whole is an account with what every form has a place for, and then some.
func whole() *moving.Account {
	session := &ratchet.Session{PreviousStates: []*ratchet.State{}, SessionState: &ratchet.State{
		LocalRegistrationID: 4711, RemoteIdentityPublic: public(2), RemoteRegistrationID: 22, PreviousCounter: 3,
		RootKey: b(1, 32), SenderBaseKey: public(3), SessionVersion: ratchet.Version,
		SenderChain:    &ratchet.Chain{SenderRatchetKeyPublic: public(4), SenderRatchetKeyPrivate: b(5, 32), ChainKey: &ratchet.ChainKey{Key: b(6, 32), Index: 4}, MessageKeys: []*ratchet.MessageKey{}},
		ReceiverChains: []*ratchet.Chain{{SenderRatchetKeyPublic: public(7), ChainKey: &ratchet.ChainKey{Key: b(8, 32), Index: 0}, MessageKeys: []*ratchet.MessageKey{}}},
	}}
	identity := [32]byte{2}
	typed, _ := ratchet.Typed(ratchet.Public(identity))
	session.SessionState.LocalIdentityPublic = typed
	group := &ratchet.SenderKey{SenderKeyStates: []*ratchet.SenderKeyState{
		{KeyID: 9, SenderChainKey: &ratchet.SenderChainKey{Iteration: 3, ChainKey: b(1, 32)}, SigningKeyPublic: public(2), SigningKeyPrivate: b(3, 32), Keys: []*ratchet.SenderMessageKey{ratchet.DerivedSender(b(4, 32), 2)}},
	}}
	return &moving.Account{
		Device: moving.Device{
			JID: "4915112345678:3@s.whatsapp.net", LID: "123456789:3@lid", RegistrationID: 4711, Noise: [32]byte{1}, Identity: identity, SignedPreKey: [32]byte{3}, SignedID: 1,
			Signature: b(4, 64), AdvSecret: b(5, 32), Details: []byte{6}, AccountSignature: b(7, 64), AccountKey: b(8, 32), DeviceSignature: b(9, 64), PushName: "Me", Platform: "android",
		},
		PreKeys:     []moving.PreKey{{ID: 1, Private: [32]byte{10}, Uploaded: true}, {ID: 2, Private: [32]byte{11}}},
		Identities:  []moving.Identity{{Address: "123_1:0", Key: b(2, 32)}},
		Sessions:    []moving.Session{{Address: "123_1:0", Record: session.Bytes()}},
		SenderKeys:  []moving.SenderKey{{Group: "491-150@g.us", Sender: "123_1:0", Record: group.Bytes()}},
		SyncKeys:    []moving.SyncKey{{ID: []byte{0, 255, 254}, Data: b(13, 32), Timestamp: 14, Fingerprint: moving.Fingerprint{RawID: 1, CurrentIndex: 2, DeviceIndexes: []uint32{0, 1}}.Bytes()}},
		Collections: []moving.Collection{{Name: "regular", Version: 7, Hash: b(16, 128), Macs: []moving.Mac{{Version: 7, Index: b(17, 32), Value: b(18, 32)}}}},
		Tokens:      []moving.Token{{JID: "123@lid", Token: []byte("token"), Timestamp: 1700000000}},
		Pairs:       []moving.Pair{{LID: "123", PN: "491"}},
		Chats:       []moving.Chat{{JID: "491@s.whatsapp.net", Archived: true}},
	}
}

func TestThroughEveryForm(t *testing.T) {
	for _, form := range Writable() {
		t.Run(form, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			report, err := Write(t.Context(), form, path, whole(), keystore.CreateIn)
			must(t, err)
			lost := slices.ContainsFunc(report.Lost, func(l moving.Loss) bool { return l.What == "chatSettings" })
			if lost == (form == SQLite) {
				t.Errorf("the report of what is lost: %+v", report.Lost)
			}
			got, report, err := Read(t.Context(), form, path, "")
			must(t, err)
			want := whole()
			if form != SQLite {
				want.Chats = nil
			}
			got.Contacts = nil // the neutral form keeps pairs in contacts
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if report.Format != form || report.Taken["sessions"] != 1 {
				t.Errorf("the report is %+v", report)
			}
		})
	}
}

type entry struct {
	name, link string
	size       int
}

func zipOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range entries {
		f, err := w.Create(e.name)
		must(t, err)
		_, err = f.Write(make([]byte, e.size))
		must(t, err)
	}
	must(t, w.Close())
	return out.Bytes()
}

func tarOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, e := range entries {
		head := &tar.Header{Name: e.name, Mode: 0o600, Size: int64(e.size), Typeflag: tar.TypeReg}
		if e.link != "" {
			head.Typeflag, head.Linkname, head.Size = tar.TypeSymlink, e.link, 0
		}
		must(t, w.WriteHeader(head))
		_, err := w.Write(make([]byte, head.Size))
		must(t, err)
	}
	must(t, w.Close())
	must(t, z.Close())
	return out.Bytes()
}

// An archive is a stranger's: nothing in it gets out of its folder or past the limits.
func TestHostileArchives(t *testing.T) {
	many := make([]entry, maxEntries+1)
	for i := range many {
		many[i] = entry{name: strings.Repeat("x", i%190) + string(rune('a'+i%26)) + ".json"}
	}
	for _, tc := range []struct {
		name string
		raw  []byte
		kept []string // nil: refused
	}{
		{"zip that climbs", zipOf(t, entry{name: "../../../evil.json"}, entry{name: `..\..\other.json`}), []string{"evil.json", "other.json"}},
		{"tar that climbs", tarOf(t, entry{name: "../../evil.json"}, entry{name: "/etc/other.json"}), []string{"evil.json", "other.json"}},
		{"links", tarOf(t, entry{name: "creds.json", link: "/etc/passwd"}, entry{name: "a.json"}), []string{"a.json"}},
		{"links alone", tarOf(t, entry{name: "creds.json", link: "/etc/passwd"}), nil},
		{"hidden files", zipOf(t, entry{name: "__MACOSX/a.json"}, entry{name: ".x"}, entry{name: "b.json"}), []string{"b.json"}},
		{"the same name twice", zipOf(t, entry{name: "a/creds.json"}, entry{name: "b/creds.json"}), nil},
		{"a bomb", zipOf(t, entry{name: "a", size: maxUnpacked/2 + 1}, entry{name: "b", size: maxUnpacked / 2}), nil},
		{"a tar bomb", tarOf(t, entry{name: "a", size: maxUnpacked + 1}), nil},
		{"too many files", zipOf(t, many...), nil},
		{"an empty one", zipOf(t, entry{name: "a/"}), nil},
		{"half", tarOf(t, entry{name: "a", size: 5000})[:60], nil},
		{"a head alone", []byte("PK\x03\x04"), nil},
		{"gzip of nothing", []byte("\x1f\x8b\x08"), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "in", "body")
			must(t, os.Mkdir(filepath.Dir(path), 0o700))
			must(t, os.WriteFile(path, tc.raw, 0o600))
			to, err := unpacked(path)
			if tc.kept == nil {
				if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Invalid && f.Kind != fault.TooLarge {
					t.Fatalf("%v is no refusal", err)
				}
			} else {
				must(t, err)
				var got []string
				entries, err := os.ReadDir(to)
				must(t, err)
				for _, e := range entries {
					got = append(got, e.Name())
				}
				if !slices.Equal(got, tc.kept) {
					t.Errorf("kept %v, want %v", got, tc.kept)
				}
			}
			if outside, err := os.ReadDir(dir); err != nil || len(outside) != 1 {
				t.Errorf("it got out: %v, %v", outside, err)
			}
		})
	}
}

// FuzzNeutral and FuzzBaileys read what strangers write; a refusal quotes nothing.
func FuzzNeutral(f *testing.F) {
	path := filepath.Join(f.TempDir(), "good")
	_, err := Write(f.Context(), Neutral, path, whole(), nil)
	must(f, err)
	good, err := os.ReadFile(path)
	must(f, err)
	f.Add(good)
	f.Add([]byte(`{"schemaVersion":1,"sessions":[["a",null]],"contacts":[[1,2,3]]}`))
	f.Fuzz(func(t *testing.T, raw []byte) { readFuzzed(t, Neutral, "account.json", raw) })
}

// FuzzBaileys changes one session of a good folder.
func FuzzBaileys(f *testing.F) {
	good := filepath.Join(f.TempDir(), "good")
	_, err := Write(f.Context(), Baileys, good, whole(), nil)
	must(f, err)
	for _, name := range []string{"session-123_1.0.json", "sender-key-491-150@g.us--123_1--0.json", "creds.json"} {
		raw, err := os.ReadFile(filepath.Join(good, name))
		must(f, err)
		f.Add(name, raw)
	}
	creds, err := os.ReadFile(filepath.Join(good, "creds.json"))
	must(f, err)
	f.Fuzz(func(t *testing.T, name string, raw []byte) {
		name = filepath.Base(name)
		dir := filepath.Join(t.TempDir(), "auth")
		must(t, os.Mkdir(dir, 0o700))
		must(t, os.WriteFile(filepath.Join(dir, "creds.json"), creds, 0o600))
		if os.WriteFile(filepath.Join(dir, name), raw, 0o600) != nil {
			return // no name of a file
		}
		_, _, err := Read(context.Background(), Baileys, dir, "")
		refusedOrNil(t, err)
	})
}

func readFuzzed(t *testing.T, form, name string, raw []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, raw, 0o600))
	_, _, err := Read(context.Background(), form, path, "")
	if pathErr, ok := errors.AsType[*os.PathError](err); ok && errors.Is(pathErr, os.ErrInvalid) {
		return
	}
	refusedOrNil(t, err)
}

func refusedOrNil(t *testing.T, err error) {
	t.Helper()
	if err == nil || isFault(err) {
		return
	}
	if _, ok := errors.AsType[*os.PathError](err); !ok { // an archive where a file belongs
		t.Errorf("%v is no refusal", err)
	}
}
