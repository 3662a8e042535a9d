package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"whatsapp-manager/proto/netguard"
	"whatsapp-manager/proto/seal"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

const (
	bootstrapVersion = 1
	bootstrapLimit   = 1 << 20
	bootstrapWait    = 30 * time.Second
)

// ReadBootstrap reads standard input to its end, which holds one document. The manager
// may have died half way through writing it, so anything but a whole document is an
// error, never a set of defaults. Unknown fields come from a newer manager and are
// ignored.
func ReadBootstrap(stdin io.Reader) (*workerv1.Bootstrap, error) {
	type read struct {
		raw []byte
		err error
	}
	done := make(chan read, 1)
	go func() {
		raw, err := io.ReadAll(io.LimitReader(stdin, bootstrapLimit+1))
		done <- read{raw, err}
	}()
	var r read
	select {
	case r = <-done:
	case <-time.After(bootstrapWait):
		return nil, errors.New("read bootstrap: no end of input")
	}
	if r.err != nil {
		return nil, fmt.Errorf("read bootstrap: %w", r.err)
	}
	if len(r.raw) > bootstrapLimit {
		return nil, errors.New("read bootstrap: document too large")
	}
	var boot workerv1.Bootstrap
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(r.raw, &boot); err != nil {
		// The parser's error quotes the document, which holds the database's password.
		return nil, errors.New("parse bootstrap: not a whole protojson document")
	}
	return &boot, checkBootstrap(&boot)
}

func checkBootstrap(boot *workerv1.Bootstrap) error {
	if boot.GetVersion() != bootstrapVersion {
		return fmt.Errorf("check bootstrap: version %d, this worker reads %d", boot.GetVersion(), bootstrapVersion)
	}
	for _, f := range []struct {
		name   string
		absent bool
	}{
		{"instance", boot.GetInstance() == ""},
		{"generation", boot.GetGeneration() == 0},
		{"node", boot.GetNode() == ""},
		{"run_dir", boot.GetRunDir() == ""},
		{"database_url", boot.GetDatabaseUrl() == ""},
	} {
		if f.absent {
			return fmt.Errorf("check bootstrap: %s is missing", f.name)
		}
	}
	if _, err := netguard.Networks(boot.GetMediaNetworks()); err != nil {
		return fmt.Errorf("check bootstrap: media_networks: %w", err)
	}
	if _, err := Ring(boot); err != nil {
		return fmt.Errorf("check bootstrap: seal_keys: %w", err)
	}
	info, err := os.Stat(boot.GetRunDir())
	if err != nil {
		return fmt.Errorf("check bootstrap: run_dir: %w", err)
	}
	if !info.IsDir() {
		return errors.New("check bootstrap: run_dir is not a directory")
	}
	return nil
}

// Ring returns the instance's keys, and nil when the manager is so old that it sends
// none.
func Ring(boot *workerv1.Bootstrap) (*seal.Ring, error) {
	if len(boot.GetSealKeys()) == 0 {
		return nil, nil
	}
	keys := make([]seal.Key, len(boot.GetSealKeys()))
	for i, k := range boot.GetSealKeys() {
		keys[i] = seal.Key{ID: k.GetId(), Secret: k.GetKey()}
	}
	return seal.FromKeys(keys)
}
