package supervisor_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

// fileStore is a Store of one file per instance, replaced by rename, so that
// what it committed survives the kill of a manager. outage in its directory
// makes it refuse everything.
type fileStore struct {
	dir         string
	databaseURL string // for workers

	mu          sync.Mutex
	transitions []supervisor.Transition // guarded by mu
	exits       []supervisor.Exit       // guarded by mu
	samples     []supervisor.Sample     // guarded by mu
	links       int                     // guarded by mu
}

func newFileStore(dir string) *fileStore { return &fileStore{dir: dir} }

func (f *fileStore) create(r supervisor.Record) error { return f.save(r) }

func (f *fileStore) forget(id supervisor.ID) error {
	return os.Remove(filepath.Join(f.dir, string(id)+".json"))
}

func (f *fileStore) setOutage(on bool) error {
	if on {
		return os.WriteFile(filepath.Join(f.dir, "outage"), nil, 0o600)
	}
	return os.Remove(filepath.Join(f.dir, "outage"))
}

func (f *fileStore) available() error {
	if _, err := os.Stat(filepath.Join(f.dir, "outage")); err == nil {
		return fault.New(fault.Unavailable, "filestore", "the database is away")
	}
	return nil
}

func (f *fileStore) save(r supervisor.Record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	name := filepath.Join(f.dir, string(r.ID)+".json")
	if err := os.WriteFile(name+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

func (f *fileStore) load(id supervisor.ID) (r supervisor.Record, err error) {
	b, err := os.ReadFile(filepath.Join(f.dir, string(id)+".json"))
	if err != nil {
		return r, fault.Wrap(fault.NotFound, "filestore", err, "no such instance")
	}
	return r, json.Unmarshal(b, &r)
}

func (f *fileStore) Instances(context.Context) ([]supervisor.Record, error) {
	if err := f.available(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	var out []supervisor.Record
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		r, err := f.load(supervisor.ID(id))
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (f *fileStore) change(id supervisor.ID, c func(*supervisor.Record)) (supervisor.Record, error) {
	if err := f.available(); err != nil {
		return supervisor.Record{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.load(id)
	if err != nil {
		return r, err
	}
	c(&r)
	return r, f.save(r)
}

func (f *fileStore) RaiseGeneration(_ context.Context, id supervisor.ID, _ string) (uint64, string, error) {
	r, err := f.change(id, func(r *supervisor.Record) { r.Generation, r.Barred = r.Generation+1, false })
	return r.Generation, f.databaseURL, err
}

func (f *fileStore) SetDesired(_ context.Context, id supervisor.ID, d supervisor.Desired) error {
	_, err := f.change(id, func(r *supervisor.Record) { r.Desired = d })
	return err
}

func (f *fileStore) RawEvents(_ context.Context, id supervisor.ID) (bool, error) {
	if err := f.available(); err != nil {
		return false, err
	}
	r, err := f.load(id)
	return r.RawEvents, err
}

func (f *fileStore) RecordWorker(_ context.Context, w supervisor.Worker) error {
	_, err := f.change(w.Instance, func(r *supervisor.Record) {
		if w.Generation >= r.Generation {
			r.Worker = &w
		}
	})
	return err
}

func (f *fileStore) RecordExit(_ context.Context, _ supervisor.ID, _ uint64, e supervisor.Exit) error {
	return f.keep(func() { f.exits = append(f.exits, e) })
}

func (f *fileStore) RecordLink(context.Context, supervisor.ID, uint64, *workerv1.Link) error {
	return f.keep(func() { f.links++ })
}

func (f *fileStore) RecordTransition(_ context.Context, t supervisor.Transition) error {
	return f.keep(func() { f.transitions = append(f.transitions, t) })
}

func (f *fileStore) RecordSamples(_ context.Context, s []supervisor.Sample) error {
	return f.keep(func() { f.samples = append(f.samples, s...) })
}

func (f *fileStore) keep(do func()) error {
	if err := f.available(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	return nil
}
