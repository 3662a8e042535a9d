package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"whatsapp-manager/api"
	"whatsapp-manager/api/arrival"
	"whatsapp-manager/api/feed"
	"whatsapp-manager/api/linking"
	"whatsapp-manager/api/linkpage"
	"whatsapp-manager/api/numberhealth"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/api/sends/outbox"
	"whatsapp-manager/api/upkeep"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/seal"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/keyfile"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/roles"
)

var stdout, stderr = os.Stdout, os.Stderr

// stopGrace bounds a graceful end of everything.
const stopGrace = 45 * time.Second

// serve runs the daemon until a signal ends it.
func serve(ctx context.Context, c config) error {
	log := c.logger(stderr)
	d, err := assemble(ctx, c, log)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	err = d.run(ctx, signals, func(password string) {
		fmt.Fprintf(stdout, "\n  API    http://%s\n", d.listener.Addr())
		if password != "" {
			fmt.Fprintf(stdout, "  Login  %s with the password %s (shown this once)\n", c.Access.AdminEmail, password)
		}
		fmt.Fprintln(stdout)
	})
	if err != nil || d.successor == nil {
		return err
	}
	return d.successor.exec()
}

// daemon is everything that runs in the manager's process.
type daemon struct {
	log        zerolog.Logger
	listener   net.Listener
	address    string // the setting behind listener
	db         *database
	store      *store.Store
	guard      *roles.Guard
	supervisor *supervisor.Supervisor
	deliverer  *feed.Deliverer
	outbox     *outbox.Queue
	health     *numberhealth.Keeper
	upkeep     *upkeep.Upkeep
	server     *api.Server
	successor  *successor // set when the installed program shall go on in this process
}

// assemble builds the daemon. The database answers when it returns; nothing
// else runs yet.
func assemble(ctx context.Context, c config, log zerolog.Logger) (*daemon, error) {
	if err := os.MkdirAll(c.Data.DataDir, 0o711); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	listener, err := listen(string(c.API.Listen))
	if err != nil {
		return nil, fmt.Errorf("setting %sLISTEN: %w", envPrefix, err)
	}
	d := &daemon{log: log, listener: listener, address: string(c.API.Listen)}
	if err := d.build(ctx, c); err != nil {
		return nil, errors.Join(err, listener.Close(), d.abort(ctx))
	}
	return d, nil
}

// abort ends a private Postgres that was started for a daemon that does not come
// to be. One that was running is somebody's.
func (d *daemon) abort(ctx context.Context) error {
	if d.store != nil {
		d.store.Close()
	}
	if d.db == nil || d.db.current() == nil || d.db.current().Adopted() {
		return nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	return d.db.Stop(last)
}

func (d *daemon) build(ctx context.Context, c config) (err error) {
	if err := sweepIncoming(c.Data.DataDir); err != nil {
		return err
	}
	if d.db, err = openDatabase(ctx, c, d.log); err != nil {
		return err
	}
	if d.store, err = d.db.open(ctx); err != nil {
		return err
	}
	keys, err := useKeys(ctx, c, d.store, d.log)
	if err != nil {
		return err
	}
	d.guard = roles.NewGuard(d.db.roles, d.store.Pool(), d.log)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if d.supervisor, err = newSupervisor(c, keys, d.store, d.log, registry); err != nil {
		return err
	}
	d.deliverer = feed.NewDeliverer(d.store, d.supervisor, d.log, registry,
		feed.Options{Networks: c.Networks.WebhookNetworks})
	streamer := feed.NewStreamer(d.store, d.supervisor, d.log)
	sender := sends.New(d.store, d.supervisor, numberhealth.NewGate(d.store, d.log), d.log)
	d.upkeep = upkeep.New(d.store, upkeep.Options{
		KeepMessages: time.Duration(c.Data.KeepMessages), KeepEvents: time.Duration(c.Data.KeepEvents),
	}, d.log)
	d.outbox, err = outbox.New(d.store, sender, d.supervisor.Wake, c.Node.NodeID, d.log, d.upkeep)
	if err != nil {
		return err
	}
	d.health = numberhealth.New(d.store, d.outbox, d.supervisor.Wake, d.log)
	mediaBody := uint64(c.API.MediaBodyLimit)
	d.server, err = api.New(api.Config{
		Listener: d.listener, Listen: string(c.API.Listen), Node: c.Node.NodeID, Build: version(),
		PublicURL: string(c.API.PublicURL), AllowedHosts: c.API.AllowedHosts, TrustedProxies: c.API.TrustedProxies,
		Simulated: c.WhatsApp.WhatsAppEndpoint != "", LogDir: c.logDir(),
		AdminEmail: string(c.Access.AdminEmail), AdminPassword: c.Access.AdminPassword,
		JWTSecret: c.Access.JWTSecret, OpenRegister: c.Access.Registration,
		MaxInstances: int(c.Access.MaxInstances), UserInstances: int(c.Access.UserInstances),
		Limits: api.Limits{
			MediaBodyLimit: int64(mediaBody), MaxFile: int64(c.Workers.MaxFile),
			MemoryBudget:   requestMemory(limitMemory(uint64(c.API.ManagerMemory.size)), mediaBody),
			MaxConnections: int(c.API.MaxConnections), MaxConnectionsPerAddress: int(c.API.MaxPerAddress),
		},
		CallsPerSecond: int(c.WhatsApp.CallsPerSecond), SendsPerMinute: orUnlimited(c.WhatsApp.SendsPerMinute),
		Opened: catalog.NewOpened(c.WhatsApp.WhatsmeowMethods),
	}, api.Deps{
		Store: d.store, Supervisor: d.supervisor, Sender: sender, Upgrades: d.supervisor, Isolation: d.store.Isolation(),
		Log: d.log, Registerer: registry, Gatherer: registry,
		Mounts: []func(*api.Mount){
			feed.StreamRoutes(streamer), feed.EndpointRoutes(d.store, d.deliverer), outbox.Routes(d.outbox),
			numberhealth.Routes(d.health),
			arrival.Routes(d.store, reader, c.Data.DataDir),
			linkpage.Routes(linkpage.New(d.store, linking.New(d.supervisor), string(c.API.PublicURL))),
		},
	})
	return err
}

// orUnlimited says "no limit" the way the API wants to hear it.
func orUnlimited(sends count) int {
	if sends == 0 {
		return -1
	}
	return int(sends)
}

func newSupervisor(c config, keys *keyfile.File, st *store.Store, log zerolog.Logger,
	registry prometheus.Registerer,
) (*supervisor.Supervisor, error) {
	if err := os.MkdirAll(filepath.Dir(c.Node.RunDir), 0o711); err != nil {
		return nil, fmt.Errorf("make run directory: %w", err)
	}
	var ring func() *seal.Ring
	if keys != nil {
		ring = keys.Ring
	}
	return supervisor.New(supervisor.Config{
		Node: c.Node.NodeID, Build: version(), RunDir: c.Node.RunDir, LogDir: c.logDir(),
		ProgramDir: filepath.Join(c.Data.DataDir, "programs"),
		WorkerConfig: supervisor.WorkerConfig{
			WorkerPath: c.Workers.WorkerBinary, WorkerUser: c.workerUser, MemoryLimit: uint64(c.Workers.WorkerMemory),
			MaxFile: int64(c.Workers.MaxFile), MediaNetworks: c.Networks.MediaNetworks.texts(), Keys: ring, LogLevel: zerolog.Level(c.Log.Level).String(),
			WhatsAppEndpoint: string(c.WhatsApp.WhatsAppEndpoint), DeviceName: c.WhatsApp.DeviceName,
			WhatsmeowMethods: c.WhatsApp.WhatsmeowMethods, InboundPerSecond: int(c.WhatsApp.InboundPerSecond),
		},
		Timing: supervisor.Timing{HealthInterval: c.Workers.HealthInterval},
	}, st.Supervision(), log, registry)
}

func (c config) logDir() string { return filepath.Join(c.Data.DataDir, "logs") }

// run serves until a signal or a failure. SIGINT ends the workers and the
// private Postgres, too; any other signal, and any failure, lets them live on
// for the next manager. After SIGHUP that is the successor, in this process.
func (d *daemon) run(ctx context.Context, signals <-chan os.Signal, ready func(firstPassword string)) error {
	defer d.store.Close()
	password, err := d.server.EnsureAdmin(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("create first administrator: %w", err), d.listener.Close())
	}
	all := false
	group, ctx := errgroup.WithContext(ctx)
	// The API goes last: while workers are being stopped it tells how far they are.
	serving, endServing := context.WithCancel(context.WithoutCancel(ctx))
	defer endServing()
	group.Go(func() error { return d.db.Run(ctx) })
	group.Go(func() error { return d.guard.Run(ctx) })
	group.Go(func() error { return d.deliverer.Run(ctx) })
	group.Go(func() error { return d.upkeep.Run(ctx) })
	group.Go(func() error { return d.health.Run(ctx) })
	group.Go(func() error { return d.supervisor.Run(serving) })
	group.Go(func() error {
		select {
		case <-d.supervisor.Recovered(): // before, every worker would seem away
			return d.outbox.Run(ctx)
		case <-ctx.Done():
			return nil
		}
	})
	group.Go(func() error { return d.server.Run(serving) })
	group.Go(func() error {
		defer endServing()
		recovered := d.supervisor.Recovered()
		for {
			select {
			case <-recovered:
				ready(password)
				recovered = nil
			case <-ctx.Done():
				return nil
			case sig := <-signals:
				if err := d.onSignal(ctx, sig, &all); err != nil {
					return err
				}
			}
		}
	})
	err = group.Wait()
	if all {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		defer cancel()
		d.store.Close() // the cluster waits for nobody
		err = errors.Join(err, d.db.Stop(last))
	}
	if errors.Is(err, errStopped) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// onSignal returns why the daemon ends; nil when it goes on.
func (d *daemon) onSignal(ctx context.Context, sig os.Signal, all *bool) error {
	if sig == syscall.SIGHUP {
		next, err := newSuccessor(ctx, d.listener, d.address)
		if err != nil {
			d.log.Error().Err(err).Msg("the installed program does not run; this one goes on")
			return nil
		}
		d.successor = next
		d.log.Info().Str("build", next.build).Msg("the installed program goes on in this process; the workers live on")
		return errStopped
	}
	if sig != syscall.SIGINT {
		d.log.Info().Stringer("signal", sig).Msg("ending; the workers live on")
		return errStopped
	}
	d.log.Info().Msg("ending with all workers")
	ctx, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	if err := d.supervisor.StopAll(ctx); err != nil {
		return fmt.Errorf("end workers: %w", err) // the database stays up for those that are left
	}
	*all = true
	return errStopped
}
