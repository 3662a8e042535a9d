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

	"whatsapp-manager/worker/wasim/client"
)

const demoDir = "demo-data"

// demo runs the daemon against the simulator's program, which stands beside this
// one and which this process does not link: the simulator's library for Signal is
// under the GPL. Its accounts live in that program's memory, so every demo begins
// anew.
func demo(ctx context.Context, flags *pflag.FlagSet) error {
	path, err := besideThisProgram("wasim")
	if err != nil {
		return err
	}
	sim, endSimulator, err := startSimulator(ctx, path)
	if err != nil {
		return err
	}
	err = demonstrate(ctx, flags, sim)
	return errors.Join(err, endSimulator())
}

// simulator is the program that plays WhatsApp.
type simulator struct {
	*client.Program
	ended chan struct{} // closed when the program has ended
}

// startSimulator returns when the simulator serves. The function that it returns
// ends the program and tells what it ended with, when it was not by itself.
func startSimulator(ctx context.Context, path string) (*simulator, func() error, error) {
	s := &simulator{Program: client.NewProgram(path), ended: make(chan struct{})}
	s.Stderr = stderr
	ctx, cancel := context.WithCancel(ctx)
	var failed error
	go func() {
		defer close(s.ended)
		failed = s.Run(ctx)
	}()
	end := func() error { cancel(); <-s.ended; return failed }
	select {
	case <-s.Started():
		return s, end, nil
	case <-s.ended:
		return nil, nil, end()
	case <-time.After(10 * time.Second):
		return nil, nil, errors.Join(errors.New("the simulator does not start"), end())
	}
}

// demonstrate runs the daemon and its people until a signal, or until the
// simulator has gone.
func demonstrate(ctx context.Context, flags *pflag.FlagSet, sim *simulator) error {
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
		case <-sim.ended:
		case <-play.Done():
			return nil
		}
		stopPlaying() // first: the people would complain that nobody answers
		ends <- syscall.SIGINT
		return nil
	})
	err = d.run(ctx, ends, func(string) {
		playing.Go(func() error {
			world := &demoWorld{
				base: "http://" + d.listener.Addr().String(), sim: sim.Client,
				email: string(c.Access.AdminEmail), password: c.Access.AdminPassword,
			}
			if err := world.run(play); err != nil && play.Err() == nil {
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
