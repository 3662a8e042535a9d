package credential

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestPasswords(t *testing.T) {
	p, err := NewPasswords(2)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	hash, err := p.Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, hash, password string
		want, wantErr        bool
	}{
		{"the right one", hash, "correct horse", true, false},
		{"a wrong one", hash, "correct horsf", false, false},
		{"no such user", "", "correct horse", false, false},
		{"not a hash", "plain", "plain", false, true},
		{"parameters that would take all memory", "$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$a2V5", "x", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := p.Verify(ctx, tc.hash, tc.password)
			if got != tc.want || (err != nil) != tc.wantErr {
				t.Errorf("%s: got %v, %v", tc.name, got, err)
			}
		})
	}
	if strings.Contains(hash, "horse") {
		t.Error("the hash holds the password")
	}
}

func TestPasswordWaitsForItsTurn(t *testing.T) {
	p, err := NewPasswords(1)
	if err != nil {
		t.Fatal(err)
	}
	p.turns <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it to give up with its context", err)
	}
}

func TestStrangersDoNotFillTheQueue(t *testing.T) {
	p, err := NewPasswords(1)
	if err != nil {
		t.Fatal(err)
	}
	p.turns <- struct{}{} // somebody is at it
	ctx, cancel := context.WithCancel(t.Context())
	ends := make(chan error, placesOfStrangers+1)
	for range placesOfStrangers {
		go func() { _, err := p.ForStrangers().Verify(ctx, "", "x"); ends <- err }()
	}
	for p.waiting.Load() < placesOfStrangers {
		runtime.Gosched()
	}
	if _, err := p.ForStrangers().Verify(ctx, "", "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("one more stranger: %v", err)
	}
	go func() { _, err := p.Verify(ctx, "", "x"); ends <- err }()
	for p.waiting.Load() < placesOfStrangers+1 {
		runtime.Gosched()
	}
	cancel()
	for range placesOfStrangers + 1 {
		if err := <-ends; !errors.Is(err, context.Canceled) {
			t.Errorf("one in the queue: %v", err)
		}
	}
}

func TestAccessTokens(t *testing.T) {
	key, now := []byte("0123456789abcdef0123456789abcdef"), time.Unix(1_800_000_000, 0)
	in := Access{UserID: "u1", Session: "s1"}
	token, err := SignAccess(key, in, now, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := ReadAccess(key, token, now.Add(59*time.Second)); err != nil || out.UserID != in.UserID || out.Session != in.Session || !out.Expires.Equal(now.Add(time.Minute)) {
		t.Errorf("got %+v, %v", out, err)
	}
	if _, err := ReadAccess(key, token, now.Add(61*time.Second)); !errors.Is(err, ErrExpired) {
		t.Errorf("after its time: %v", err)
	}
	none := "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + strings.Split(token, ".")[1] + "."
	for name, bad := range map[string]string{"another key": token + "x", "empty": "", "no signature": none, "nonsense": "a.b.c"} {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadAccess(key, bad, now); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	key, refresh := NewKey(), NewRefresh()
	if !LooksLikeKey(key) || LooksLikeKey(refresh) || !LooksLikeRefresh(refresh) || LooksLikeKey(key[:20]) || LooksLikeKey(key[:len(key)-1]+"é") {
		t.Error("forms of keys and refresh tokens are mixed up")
	}
	if key == NewKey() || !bytes.Equal(Hash(key), Hash(key)) || bytes.Equal(Hash(key), Hash(refresh)) {
		t.Error("keys or hashes repeat")
	}
	if s := Shown(key); !strings.HasPrefix(key, s) || len(s) > 12 {
		t.Errorf("shown part %q", s)
	}
}
