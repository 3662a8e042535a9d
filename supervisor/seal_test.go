package supervisor

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"whatsapp-manager/proto/seal"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workerproc"
)

// A worker is given what is derived for its instance, never the installation's
// keys, and as many as there can be fit into the document.
func TestAWorkerIsGivenItsInstancesKeysOnly(t *testing.T) {
	ring := seal.NewRing()
	for len(ring.Keys()) < seal.MaxKeys {
		var err error
		if ring, err = ring.Rotated(); err != nil {
			t.Fatal(err)
		}
	}
	cfg := Config{
		RunDir: strings.Repeat("r", 100), Node: strings.Repeat("n", 60),
		WorkerConfig: WorkerConfig{
			DeviceName: strings.Repeat("d", 100), MediaNetworks: []string{"10.0.0.0/8", "192.168.0.0/16"},
			Keys: func() *seal.Ring { return ring },
		},
	}
	doc, err := workerproc.Document(cfg.bootstrap("aaaaaaaaaaaa", 1, "postgres://"+strings.Repeat("u", 300), true))
	if err != nil {
		t.Fatal(err)
	}
	var boot workerv1.Bootstrap
	if err := protojson.Unmarshal(doc, &boot); err != nil {
		t.Fatal(err)
	}
	want := ring.Instance("aaaaaaaaaaaa").Keys()
	if len(boot.GetSealKeys()) != len(want) {
		t.Fatalf("%d keys, want %d", len(boot.GetSealKeys()), len(want))
	}
	for i, k := range boot.GetSealKeys() {
		if k.GetId() != want[i].ID || !bytes.Equal(k.GetKey(), want[i].Secret) {
			t.Errorf("key %d is %s", i, k.GetId())
		}
		if master := ring.Keys()[i].Secret; bytes.Contains(doc, []byte(base64.StdEncoding.EncodeToString(master))) {
			t.Errorf("key %d is the installation's", i)
		}
	}
	cfg.Keys = nil
	if doc, err := workerproc.Document(cfg.bootstrap("aaaaaaaaaaaa", 1, "d", false)); err != nil || strings.Contains(string(doc), "sealKeys") {
		t.Errorf("without keys: %s, %v", doc, err)
	}
}
