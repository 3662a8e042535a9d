package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
)

func TestAValueOpensOnlyWhereItBelongs(t *testing.T) {
	ring := NewRing()
	value := []byte("a secret")
	sealed := ring.Box("a").Seal(value, "table", "row")
	if got, err := ring.Box("a").Open(sealed, "table", "row"); err != nil || !bytes.Equal(got, value) {
		t.Fatalf("opened %q, %v", got, err)
	}
	if id, ok := KeyOf(sealed); !ok || id != ring.ID() {
		t.Errorf("sealed with %q, %v, and not %q", id, ok, ring.ID())
	}
	flipped := func(at int) []byte {
		b := bytes.Clone(sealed)
		b[at] ^= 1
		return b
	}
	for name, tc := range map[string]struct {
		box    *Box
		sealed []byte
		bind   []string
		want   error
	}{
		"another row":      {ring.Box("a"), sealed, []string{"table", "row2"}, ErrChanged},
		"parts shifted":    {ring.Box("a"), sealed, []string{"tabler", "ow"}, ErrChanged},
		"no row":           {ring.Box("a"), sealed, nil, ErrChanged},
		"another purpose":  {ring.Box("b"), sealed, []string{"table", "row"}, ErrChanged},
		"an instance's":    {ring.Instance("x").Box("a"), sealed, []string{"table", "row"}, ErrChanged},
		"another ring":     {NewRing().Box("a"), sealed, []string{"table", "row"}, ErrUnknown},
		"nonce changed":    {ring.Box("a"), flipped(len(magic) + idSize), []string{"table", "row"}, ErrChanged},
		"text changed":     {ring.Box("a"), flipped(len(sealed) - 20), []string{"table", "row"}, ErrChanged},
		"tag changed":      {ring.Box("a"), flipped(len(sealed) - 1), []string{"table", "row"}, ErrChanged},
		"key id changed":   {ring.Box("a"), flipped(len(magic)), []string{"table", "row"}, ErrUnknown},
		"not sealed":       {ring.Box("a"), value, []string{"table", "row"}, ErrOpen},
		"version unknown":  {ring.Box("a"), flipped(len(magic) - 1), []string{"table", "row"}, ErrOpen},
		"cut off":          {ring.Box("a"), sealed[:Overhead-1], []string{"table", "row"}, ErrOpen},
		"cut off in value": {ring.Box("a"), sealed[:len(sealed)-1], []string{"table", "row"}, ErrChanged},
		"nothing":          {ring.Box("a"), nil, []string{"table", "row"}, ErrOpen},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := tc.box.Open(tc.sealed, tc.bind...); !errors.Is(err, tc.want) || got != nil {
				t.Errorf("opened %q, %v; want %v", got, err, tc.want)
			}
		})
	}
	if bytes.Equal(sealed, ring.Box("a").Seal(value, "table", "row")) {
		t.Error("the same value is sealed the same way twice")
	}
	if got, err := ring.Box("a").Open(ring.Box("a").Seal(nil)); err != nil || got == nil || len(got) != 0 {
		t.Errorf("an empty value opens as %v, %v", got, err)
	}
}

func TestRotationKeepsWhatWasSealed(t *testing.T) {
	first := NewRing()
	old := first.Box("a").Seal([]byte("x"))
	second, err := first.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	if second.ID() == first.ID() || !second.Has(first.ID()) {
		t.Errorf("rotated from %s to %s", first.ID(), second.ID())
	}
	if got, err := second.Box("a").Open(old); err != nil || string(got) != "x" {
		t.Errorf("after the rotation: %q, %v", got, err)
	}
	fresh := second.Box("a").Seal([]byte("y"))
	if _, err := first.Box("a").Open(fresh); !errors.Is(err, ErrUnknown) {
		t.Errorf("the old ring opens what the new one sealed: %v", err)
	}
	only := second.Only(func(string) bool { return false })
	if _, err := only.Box("a").Open(old); !errors.Is(err, ErrUnknown) || only.ID() != second.ID() {
		t.Errorf("a removed key: %v", err)
	}
	for len(second.Keys()) < MaxKeys {
		if second, err = second.Rotated(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := second.Rotated(); err == nil {
		t.Error("a full ring takes another key")
	}
}

func TestTextIsReadBackAndDamageIsSeen(t *testing.T) {
	ring, err := NewRing().Rotated()
	if err != nil {
		t.Fatal(err)
	}
	text := string(ring.Text())
	read, err := Parse([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	if err != nil || read.ID() != ring.ID() || len(read.Keys()) != 2 {
		t.Fatalf("read back: %v", err)
	}
	if _, err := read.Box("a").Open(ring.Box("a").Seal([]byte("x"))); err != nil {
		t.Error(err)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	last := lines[len(lines)-1]
	id, secret, _ := strings.Cut(last, " ")
	for name, bad := range map[string]string{
		"empty":           "",
		"another version": strings.Replace(text, "version 1", "version 2", 1),
		"no key":          lines[0] + "\n",
		"a key twice":     text + last + "\n",
		"half a key":      text[:len(text)-9],
		"another's id":    strings.Replace(text, id, ring.ID(), 1),
		"a letter wrong":  strings.Replace(text, secret, flip(secret), 1),
		"too many keys":   lines[0] + strings.Repeat("\n"+last, MaxKeys+1),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(bad)); err == nil || strings.Contains(err.Error(), secret[:8]) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func flip(secret string) string {
	if secret[0] == 'A' {
		return "B" + secret[1:]
	}
	return "A" + secret[1:]
}

func TestInstancesKeysAreApart(t *testing.T) {
	ring := NewRing()
	a, err := FromKeys(ring.Instance("a").Keys())
	if err != nil {
		t.Fatal(err)
	}
	const jid = "1@s.whatsapp.net"
	sealed := a.Device(jid).Seal("whatsmeow_sessions", []byte("session"))
	for name, other := range map[string]*Device{
		"another instance": ring.Instance("b").Device(jid),
		"the installation": ring.Device(jid),
		"another device":   a.Device("2@s.whatsapp.net"),
	} {
		if _, err := other.Open("whatsmeow_sessions", sealed); !errors.Is(err, ErrChanged) {
			t.Errorf("%s opens it: %v", name, err)
		}
	}
	if _, err := a.Device(jid).Open("whatsmeow_sender_keys", sealed); !errors.Is(err, ErrChanged) {
		t.Errorf("another table opens it: %v", err)
	}
	if got, err := ring.Instance("a").Device(jid).Open("whatsmeow_sessions", sealed); err != nil || string(got) != "session" {
		t.Errorf("opened %q, %v", got, err)
	}
	if a.Device(jid).Seal("whatsmeow_sessions", nil) != nil {
		t.Error("nothing became something")
	}
}

func TestDeviceKeysAndPreKeysComeBack(t *testing.T) {
	ring := NewRing().Instance("a")
	d := ring.Device("1@s.whatsapp.net")
	var k DeviceKeys
	for _, b := range [][]byte{k.Noise[:], k.Identity[:], k.SignedPreKey[:]} {
		_, _ = rand.Read(b)
	}
	k.Adv = bytes.Repeat([]byte{7}, 32)
	got, err := d.OpenKeys(d.SealKeys(k))
	if err != nil || got.Noise != k.Noise || got.Identity != k.Identity || got.SignedPreKey != k.SignedPreKey || !bytes.Equal(got.Adv, k.Adv) {
		t.Errorf("came back as %v, %v", got, err)
	}
	if _, err := d.OpenKeys(k.Adv); !errors.Is(err, ErrOpen) {
		t.Errorf("open keys: %v", err)
	}

	key := k.Noise
	key[0] &= 248
	key[31] = key[31]&127 | 64
	sealed := d.SealPreKey(5, key)
	if back, ok := d.OpenPreKey(ring.ID(), 5, sealed); !ok || back != key {
		t.Error("a pre key does not come back")
	}
	if other, _ := d.OpenPreKey(ring.ID(), 6, sealed); other == key {
		t.Error("a pre key opens under another number")
	}
	if other, _ := ring.Device("2@s.whatsapp.net").OpenPreKey(ring.ID(), 5, sealed); other == key {
		t.Error("a pre key opens for another device")
	}
	if _, ok := d.OpenPreKey("0000000000000000", 5, sealed); ok {
		t.Error("a pre key opens with a key that is not there")
	}
	if sealed == key || bytes.Equal(sealed[:16], key[:16]) || bytes.Equal(sealed[16:], key[16:]) {
		t.Error("half a pre key stands open")
	}
}

func TestLIDsComeBack(t *testing.T) {
	for _, lid := range []string{"", "99001@lid", "99001:7@lid", "99001.1:7@lid"} {
		kept := MarkLID(lid)
		if strings.Count(kept, ".") < 2 || UnmarkLID(kept) != lid || UnmarkLID(lid) != lid {
			t.Errorf("%q is kept as %q and comes back as %q", lid, kept, UnmarkLID(kept))
		}
	}
}

func TestWebhooksComeBack(t *testing.T) {
	ring := NewRing()
	w := ring.Webhooks()
	secret, headers := []byte("0123456789abcdef"), []byte(`{"Authorization": "Bearer x"}`)
	s, h := w.Seal("hook", "inst", secret, headers)
	if bytes.Contains(h, []byte("Bearer")) || h[0] != '"' {
		t.Errorf("headers are kept as %s", h)
	}
	s2, h2, stale, err := w.Open("hook", "inst", s, h)
	if err != nil || stale || !bytes.Equal(s2, secret) || !bytes.Equal(h2, headers) {
		t.Errorf("came back as %q %q %v, %v", s2, h2, stale, err)
	}
	for name, open := range map[string]func() error{
		"another webhook":  func() error { _, _, _, err := w.Open("other", "inst", s, h); return err },
		"another instance": func() error { _, _, _, err := w.Open("hook", "other", s, h); return err },
		"headers of another": func() error {
			_, other := w.Seal("other", "inst", secret, headers)
			_, _, _, err := w.Open("hook", "inst", s, other)
			return err
		},
		"headers of no form": func() error { _, _, _, err := w.Open("hook", "inst", s, []byte(`"AAAA"`)); return err },
	} {
		if err := open(); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s2, h2, stale, err = w.Open("hook", "inst", secret, headers)
	if err != nil || !stale || !bytes.Equal(s2, secret) || !bytes.Equal(h2, headers) {
		t.Errorf("open ones came back as %q %q %v, %v", s2, h2, stale, err)
	}
	next, _ := ring.Rotated()
	if _, _, stale, err = next.Webhooks().Open("hook", "inst", s, h); err != nil || !stale {
		t.Errorf("after a rotation: %v, %v", stale, err)
	}
}

func BenchmarkSession(b *testing.B) {
	d := NewRing().Instance("a").Device("1@s.whatsapp.net")
	session := make([]byte, 2048)
	for b.Loop() {
		if _, err := d.Open("whatsmeow_sessions", d.Seal("whatsmeow_sessions", session)); err != nil {
			b.Fatal(err)
		}
	}
}
