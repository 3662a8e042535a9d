package client

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	waBinary "go.mau.fi/whatsmeow/binary"
)

func TestTheTapShowsNoContent(t *testing.T) {
	var out bytes.Buffer
	log := newTap(zerolog.New(&out).Level(zerolog.DebugLevel)).Sub("Recv")
	node := &waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": "AC1"}, Content: []waBinary.Node{{Tag: "plaintext", Content: []byte("secret body")}}}
	log.Debugf("%s", "secret body")
	log.Warnf("Node handling is taking long for %s (started %s ago)", node, "30s")
	log.Errorf("Unknown stream error: %s", *node)
	log.Errorf("failed: %v", errors.New("app state <collection><patch>secret body</patch></collection> refused"))
	log.Infof("key %s", []byte("secret body"))
	text := out.String()
	if strings.Contains(text, "secret") {
		t.Errorf("content in the log: %s", text)
	}
	for _, want := range []string{"stanza message id=AC1", "app state (stanza) refused", "(11 bytes)", "whatsmeow/Recv"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
	if n := strings.Count(text, "\n"); n != 4 {
		t.Errorf("%d lines", n)
	}
}
