package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPassphraseIsTheFirstLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p")
	for content, want := range map[string]string{
		"secret words\n": "secret words", "secret words": "secret words", " a b \r\nmore": " a b ", "": "", "\nsecond": "",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, read := range map[string]func() (string, error){
			"flag":  func() (string, error) { return passphrase{file}.read(nil) },
			"stdin": func() (string, error) { return passphrase{"-"}.read(strings.NewReader(content)) },
			"environment": func() (string, error) {
				t.Setenv(passphraseEnv, file)
				return passphrase{}.read(nil)
			},
		} {
			if got, err := read(); got != want || (err == nil) != (want != "") {
				t.Errorf("%s: %q gives %q, %v", name, content, got, err)
			}
		}
	}
	t.Setenv(passphraseEnv, "")
	if _, err := (passphrase{}).read(strings.NewReader("words from nowhere")); err == nil {
		t.Error("a passphrase without a place to read it from")
	}
}
