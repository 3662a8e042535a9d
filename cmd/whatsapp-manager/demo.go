package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"whatsapp-manager/worker/wasim"
)

const demoDir = "demo-data"

// demo runs the daemon against a simulator in the same process. Its accounts
// live in the simulator's memory, so every demo begins anew.
func demo(ctx context.Context, flags *pflag.FlagSet) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sim := &wasim.Server{}
	var simulator errgroup.Group
	simulator.Go(func() error { return sim.Run(ctx) })
	defer func() {
		cancel()
		_ = simulator.Wait() // the daemon's own end is what the person wants to hear of
	}()
	select {
	case <-sim.Started():
	case <-time.After(10 * time.Second):
		return errors.New("the simulator does not start")
	}
	dir := os.Getenv("WAM_DATA_DIR")
	if f := flags.Lookup("data-dir"); f != nil && f.Changed {
		dir = f.Value.String()
	}
	if dir == "" {
		dir = demoDir
	}
	password := rand.Text()[:12]
	environ := append(os.Environ(),
		"WAM_DATA_DIR="+dir, "WAM_WHATSAPP_ENDPOINT="+sim.Endpoint(), "WAM_DATABASE_URL=",
		"WAM_ADMIN_EMAIL=admin@localhost", "WAM_ADMIN_PASSWORD="+password)
	if os.Getenv("WAM_LOG_LEVEL") == "" {
		environ = append(environ, "WAM_LOG_LEVEL=warn")
	}
	if os.Getenv("WAM_WEBHOOK_NETWORKS") == "" {
		environ = append(environ, "WAM_WEBHOOK_NETWORKS=127.0.0.0/8,::1") // who tries it out has a receiver at hand
	}
	c, err := loadConfig(flags, environ)
	if err != nil {
		return err
	}
	if err := forget(ctx, c); err != nil {
		return err
	}
	d, err := assemble(ctx, c, c.logger(stderr))
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	// Without the simulator the workers have nobody to talk to: any signal ends all.
	ends := make(chan os.Signal, 1)
	var playing errgroup.Group
	play, stopPlaying := context.WithCancel(ctx)
	playing.Go(func() error {
		select {
		case <-signals:
			ends <- syscall.SIGINT
		case <-play.Done():
		}
		return nil
	})
	err = d.run(ctx, ends, func(string) {
		playing.Go(func() error {
			stage := &stage{base: "http://" + d.listener.Addr().String(), email: string(c.Access.AdminEmail), password: c.Access.AdminPassword, sim: sim}
			if err := stage.play(play); err != nil && play.Err() == nil {
				fmt.Fprintln(stderr, "demo:", err)
			}
			return nil
		})
	})
	stopPlaying()
	return errors.Join(err, playing.Wait())
}

// forget ends what an earlier demo left and deletes its data.
func forget(ctx context.Context, c config) error {
	marker := filepath.Join(c.Data.DataDir, "demo")
	if entries, err := os.ReadDir(c.Data.DataDir); err == nil && len(entries) > 0 {
		if _, err := os.Stat(marker); err != nil {
			return fmt.Errorf("%s holds data that is not a demo's: it is left alone; choose another --data-dir", c.Data.DataDir)
		}
		if err := stop(ctx, c); err != nil {
			return fmt.Errorf("end the last demo: %w", err)
		}
		if err := os.RemoveAll(c.Data.DataDir); err != nil {
			return fmt.Errorf("delete the last demo's data: %w", err)
		}
	}
	if err := os.MkdirAll(c.Data.DataDir, 0o711); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	return os.WriteFile(marker, []byte("Deleted and made anew by every demo.\n"), 0o600)
}
