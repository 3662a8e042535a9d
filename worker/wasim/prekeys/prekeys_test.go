package prekeys_test

import (
	"bytes"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"

	"whatsapp-manager/worker/wasim/prekeys"
	"whatsapp-manager/worker/wasim/stanza"
)

func node(tag string, content any) waBinary.Node { return waBinary.Node{Tag: tag, Content: content} }

// upload is a companion's upload of n one-time keys.
func upload(n int) *waBinary.Node {
	key := func(b byte, size int) []byte { return bytes.Repeat([]byte{b}, size) }
	var list []waBinary.Node
	for i := range n {
		list = append(list, node("key", []waBinary.Node{node("id", []byte{0, 0, byte(i)}), node("value", key(byte(i), 32))}))
	}
	return &waBinary.Node{Tag: "iq", Content: []waBinary.Node{
		node("registration", key(1, 4)), node("identity", key(2, 32)), node("list", list),
		node("skey", []waBinary.Node{node("id", key(3, 3)), node("value", key(4, 32)), node("signature", key(5, 64))}),
	}}
}

func TestEachOneTimeKeyIsGivenOnce(t *testing.T) {
	var s prekeys.Store
	if err := s.Upload(upload(2)); err != nil || s.Count() != 2 {
		t.Fatalf("%d keys, %v", s.Count(), err)
	}
	for i := range 2 {
		bundle, left, _ := s.HandOut()
		signal, err := bundle.Signal(1)
		if err != nil || left != 1-i || signal.PreKeyID().Value != uint32(i) {
			t.Errorf("key %d: %+v, %d left, %v", i, signal, left, err)
		}
	}
	bundle, _, _ := s.HandOut()
	if signal, err := bundle.Signal(1); err != nil || !signal.PreKeyID().IsEmpty {
		t.Errorf("a bundle without a one-time key: %+v, %v", signal, err)
	}
	if nodes := bundle.Nodes(); len(nodes) != 4 {
		t.Errorf("%d elements without a one-time key", len(nodes))
	}
}

func TestFewKeysAreWarnedOfOncePerUpload(t *testing.T) {
	var s prekeys.Store
	for range 2 {
		if err := s.Upload(upload(6 - s.Count())); err != nil {
			t.Fatal(err)
		}
		var warned []int
		for s.Count() > 2 {
			if _, left, warn := s.HandOut(); warn {
				warned = append(warned, left)
			}
		}
		if len(warned) != 1 || warned[0] != 4 {
			t.Errorf("warned at %v keys left", warned)
		}
	}
}

func TestIncompleteKeys(t *testing.T) {
	var s prekeys.Store
	if bundle, _, _ := s.HandOut(); bundle.Nodes() == nil {
		t.Error("no elements")
	} else if _, err := bundle.Signal(1); err == nil {
		t.Error("a device without keys has a bundle")
	}
	if err := s.Upload(&waBinary.Node{}); err != stanza.ErrBadRequest {
		t.Errorf("an upload without a signed prekey: %v", err)
	}
	if err := s.Rotate(node("skey", nil)); err != stanza.ErrNotAcceptable {
		t.Errorf("an empty signed prekey: %v", err)
	}
	if _, err := s.Digest(); err != stanza.ErrNotFound {
		t.Errorf("a digest of no keys: %v", err)
	}
}
