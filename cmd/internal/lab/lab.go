package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
)

// Lab is a directory for programs and a running simulator. Its methods are not
// safe for concurrent use; the simulator's are.
type Lab struct {
	Bin string        // where Build puts the programs
	Sim *wasim.Server // runs until Close

	undo []func() error
}

// Start makes the directory and starts the simulator, which lives on when ctx
// ends. The caller ends everything with Close. After an error nothing is left.
func Start(ctx context.Context, name string) (*Lab, error) {
	bin, err := os.MkdirTemp("", "wam-"+name)
	if err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	l := &Lab{Bin: bin, Sim: &wasim.Server{}}
	l.Defer(func() error { return os.RemoveAll(bin) })
	// Postgres and the workers run as other users when root runs the lab.
	if err := os.Chmod(bin, 0o755); err != nil {
		return nil, errors.Join(fmt.Errorf("open directory: %w", err), l.Close())
	}
	simulating, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- l.Sim.Run(simulating) }()
	select {
	case <-l.Sim.Started():
		l.Defer(func() error { stop(); return <-ended })
		return l, nil
	case err := <-ended:
		stop()
		return nil, errors.Join(fmt.Errorf("start simulator: %w", err), l.Close())
	}
}

// Defer has Close call f before everything that was there earlier is undone.
func (l *Lab) Defer(f func() error) { l.undo = append(l.undo, f) }

// Close undoes everything, the last first. A second call does nothing.
func (l *Lab) Close() error {
	var errs []error
	for _, f := range slices.Backward(l.undo) {
		errs = append(errs, f())
	}
	l.undo = nil
	return errors.Join(errs...)
}

// Pair makes an instance with the client's rights, starts it, and has the
// account's phone scan its code. The instance is ready when Pair returns.
func Pair(ctx context.Context, c *stack.Client, account *wasim.Account, name string) (id, key string, err error) {
	if id, key, err = c.Create(ctx, name); err != nil {
		return "", "", err
	}
	if err := c.Start(ctx, id); err != nil {
		return "", "", err
	}
	qr, err := c.QR(ctx, id)
	if err != nil {
		return "", "", err
	}
	if err := account.ScanQR(ctx, qr); err != nil {
		return "", "", fmt.Errorf("scan QR: %w", err)
	}
	if _, err := c.Ready(ctx, id); err != nil {
		return "", "", err
	}
	return id, key, nil
}
