package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/archive"
	"whatsapp-manager/supervisor/workerproc"
)

const (
	evictTime = 30 * time.Second
	// catchUp is how long the manager's webhooks get to deliver what is in the
	// feed; the new server delivers the rest.
	catchUp = 5 * time.Second
	// recently is how old a sign of life of a worker on another node may be to be believed.
	recently = 2 * time.Minute
)

type exporting struct {
	move, copy bool
	to         string // another program's form; empty: our own file
}

func (e exporting) run(ctx context.Context, o *operation, p passphrase, id supervisor.ID, path string) error {
	phrase, err := p.read(o.in)
	if err != nil {
		return err
	}
	if len(phrase) < archive.MinPassphrase {
		return fmt.Errorf("the passphrase is shorter than %d characters", archive.MinPassphrase)
	}
	in, err := o.store.Instance(ctx, id)
	if err != nil {
		return fmt.Errorf("export %s: %w", id, err)
	}
	file, err := newExportFile(path)
	if err != nil {
		return err
	}
	defer file.discard()
	kind := archive.Copy
	desired := supervisor.Stop
	if e.move {
		kind = archive.Move
		if desired, err = o.leave(ctx, in); err != nil {
			return err
		}
	}
	sum, err := archive.Export(ctx, o.store, file, phrase, id, kind, desired)
	if err == nil {
		err = file.keep(phrase)
	}
	if err != nil {
		err = fmt.Errorf("export %s: %w", id, err)
		if e.move {
			err = errors.Join(err, o.stay(ctx, id))
		}
		return err
	}
	fmt.Fprintf(o.out, "Instance %s (%s) is in %s: %d messages, %d events.\n", id, in.Name, path,
		sum.Rows["messages"], sum.Rows["events"])
	if e.move {
		fmt.Fprintf(o.out, "It is stopped here and cannot be started again. Import the file on the other server. When it runs there, delete it here.\n")
	}
	return o.audit(ctx, "instance.export", id, map[string]any{"kind": kind})
}

// leave stops an instance here for good, and returns what was wanted of it.
// After an error it is as before, but stopped.
func (o *operation) leave(ctx context.Context, in store.Instance) (supervisor.Desired, error) {
	if w := in.Worker; w != nil && w.Exit == nil && w.Node != o.config.Node.NodeID && w.SampledAt != nil &&
		time.Since(*w.SampledAt) < recently {
		return "", fmt.Errorf("instance %s runs on node %s; export it there", in.ID, w.Node)
	}
	desired, err := o.store.MoveAway(ctx, in.ID, time.Now())
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) {
		return "", fmt.Errorf("stop %s: %w; if the file is lost and it does not run elsewhere, see: whatsapp-manager instances reclaim", in.ID, err)
	}
	if err == nil {
		err = o.evict(ctx, in.ID)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("stop %s: %w", in.ID, err), o.stay(ctx, in.ID))
	}
	return desired, o.awaitDelivery(ctx, in.ID)
}

// evict ends the worker. One that lives although nobody holds the instance in
// our run directory means that the manager uses another.
func (o *operation) evict(ctx context.Context, id supervisor.ID) error {
	ctx, cancel := context.WithTimeout(ctx, evictTime)
	defer cancel()
	if err := workerproc.Evict(ctx, o.config.Node.RunDir, o.config.Node.NodeID, string(id)); err != nil {
		return err
	}
	in, err := o.store.Instance(ctx, id)
	if err != nil {
		return err
	}
	if w := in.Worker; w != nil && w.Exit == nil && w.Proc.Remains(ctx, workerproc.EvictGrace) {
		return fmt.Errorf("its worker, process %d, does not use %s: run this command with the settings of the manager",
			w.Proc.PID, o.config.Node.RunDir)
	}
	return nil
}

// stay lets the instance be of this server after all.
func (o *operation) stay(ctx context.Context, id supervisor.ID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), evictTime)
	defer cancel()
	err := o.store.TakeBack(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil // it had not left yet
	}
	if err != nil {
		return fmt.Errorf("instance %s cannot be started before: whatsapp-manager instances reclaim %s: %w", id, id, err)
	}
	return fmt.Errorf("instance %s stays here, and is stopped", id)
}

// awaitDelivery gives the running manager time to deliver what it would
// otherwise deliver while the new server does.
func (o *operation) awaitDelivery(ctx context.Context, id supervisor.ID) error {
	if pid, err := workerproc.ManagerPID(o.config.Node.RunDir); err != nil || pid == 0 {
		return nil
	}
	limit := time.NewTimer(catchUp)
	defer limit.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		waiting, err := o.store.Undelivered(ctx, id)
		if err != nil {
			return errors.Join(fmt.Errorf("wait for webhooks of %s: %w", id, err), o.stay(ctx, id))
		}
		if !waiting {
			return nil
		}
		select {
		case <-limit.C:
			return nil
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), o.stay(ctx, id))
		}
	}
}

type importing struct {
	owner          string
	start, stopped bool
}

func (i importing) run(ctx context.Context, o *operation, p passphrase, path string) error {
	phrase, err := p.read(o.in)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := o.roomForAnother(ctx); err != nil {
		return err
	}
	into := archive.Into{Owner: i.owner}
	if i.start {
		into.Desired = supervisor.Run
	} else if i.stopped {
		into.Desired = supervisor.Stop
	}
	sum, err := archive.Import(ctx, o.store, file, phrase, into)
	if err != nil {
		return fmt.Errorf("import %s: %w", path, err)
	}
	fmt.Fprintf(o.out, "Instance %s (%s) is here: %d messages, %d events.\n", sum.Instance, sum.Name,
		sum.Rows["messages"], sum.Rows["events"])
	switch {
	case sum.Desired == supervisor.Run:
		fmt.Fprintf(o.out, "It starts with the manager; one that runs finds it within %s.\n", o.config.Workers.HealthInterval)
	case sum.Kind == archive.Copy:
		fmt.Fprintf(o.out, "It is a copy of %s, and stopped. Start it only when the original does not run any more.\n",
			sum.Made.Format(time.RFC3339))
	default:
		fmt.Fprintln(o.out, "It is stopped.")
	}
	return nil
}

func (o *operation) audit(ctx context.Context, action string, id supervisor.ID, detail map[string]any) error {
	return o.store.Audit(ctx, time.Now(), "", action, string(id), detail)
}
