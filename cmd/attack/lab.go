package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
)

// lab is the installation under attack.
type lab struct {
	o     options
	bin   string
	sim   *wasim.Server
	stack *stack.Stack

	admin            *stack.Client // an administrator, for what tenants cannot do
	attacker, victim *tenant
	customer         *wasim.Account // of the victim

	numbers atomic.Uint64
}

// tenant is a user with one paired instance.
type tenant struct {
	email, password string
	client          *stack.Client // signed in as the user
	account         *wasim.Account
	id, key         string
}

const tenantPassword = "seven green kettles sing"

// openLab builds the programs, starts simulator and product, and pairs the two
// tenants' accounts. The caller ends it with the function returned, also after
// an error.
func openLab(ctx context.Context, o options) (l *lab, shut func() error, err error) {
	l = &lab{o: o}
	var undo []func() error
	shut = func() error {
		var errs []error
		for i := len(undo) - 1; i >= 0; i-- {
			errs = append(errs, undo[i]())
		}
		return errors.Join(errs...)
	}
	if l.bin, err = os.MkdirTemp("", "wam-attack"); err != nil {
		return l, shut, fmt.Errorf("make directory: %w", err)
	}
	undo = append(undo, func() error { return os.RemoveAll(l.bin) })
	if err := l.build(ctx); err != nil {
		return l, shut, err
	}
	l.sim = &wasim.Server{}
	simulating, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- l.sim.Run(simulating) }()
	undo = append(undo, func() error { stop(); return <-ended })
	select {
	case <-l.sim.Started():
	case err := <-ended:
		ended <- nil
		return l, shut, fmt.Errorf("start simulator: %w", err)
	}
	starting, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	l.stack, err = stack.Start(starting, stack.Options{Bin: l.bin, Endpoint: l.sim.Endpoint(), Env: []string{
		"WAM_LOG_LEVEL=info", "WAM_SENDS_PER_MINUTE=0", "WAM_REGISTRATION=true",
		"WAM_WORKER_BINARY=" + filepath.Join(l.bin, hostileWorker),
		"WAM_MEDIA_NETWORKS=127.0.0.0/8", // where the pages with the pictures are
		"WAM_TRUSTED_PROXIES=127.0.0.0/8",
	}})
	if err != nil {
		return l, shut, err
	}
	undo = append(undo, l.stack.Close, l.keepLog)
	l.admin = l.stack.Client
	if l.attacker, err = l.enlist(starting, "mallory"); err != nil {
		return l, shut, err
	}
	if l.victim, err = l.enlist(starting, "victoria"); err != nil {
		return l, shut, err
	}
	l.customer, err = l.person("Customer")
	return l, shut, err
}

func (l *lab) build(ctx context.Context) error {
	if err := os.Chmod(l.bin, 0o755); err != nil { // Postgres and the workers may run as other users
		return fmt.Errorf("open directory: %w", err)
	}
	for name, source := range map[string]string{
		"whatsapp-manager": "whatsapp-manager/cmd/whatsapp-manager", hostileWorker: "whatsapp-manager/cmd/attack",
	} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(l.bin, name), source)
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
	}
	return nil
}

func (l *lab) keepLog() error {
	if l.o.logs == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(l.stack.Dir, "manager.log"))
	if err != nil {
		return err
	}
	return os.WriteFile(l.o.logs, text, 0o600)
}

// person is somebody on WhatsApp with a phone only.
func (l *lab) person(name string) (*wasim.Account, error) {
	return l.sim.CreateAccount(fmt.Sprint(15630000000+l.numbers.Add(1)), name, wasim.AccountOptions{})
}

// user makes one without an instance, signed in.
func (l *lab) user(ctx context.Context, name string) (*tenant, error) {
	t := &tenant{email: name + "@example.org", password: tenantPassword}
	if err := l.admin.Want(ctx, http.StatusCreated, http.MethodPost, "/api/users", map[string]any{"email": t.email, "password": t.password}, nil); err != nil {
		return nil, err
	}
	t.client = l.client("")
	return t, t.client.Login(ctx, t.email, t.password)
}

// client speaks to the API with a credential: a token or a key.
func (l *lab) client(credential string) *stack.Client {
	return &stack.Client{Base: l.admin.Base, HTTP: l.admin.HTTP, Token: credential}
}

// enlist makes a user with a paired instance.
func (l *lab) enlist(ctx context.Context, name string) (*tenant, error) {
	t, err := l.user(ctx, name)
	if err != nil {
		return nil, err
	}
	if t.account, err = l.person(name); err != nil {
		return nil, err
	}
	if t.id, t.key, err = t.client.Create(ctx, name); err != nil {
		return nil, err
	}
	if err := t.client.Start(ctx, t.id); err != nil {
		return nil, err
	}
	qr, err := t.client.QR(ctx, t.id)
	if err != nil {
		return nil, err
	}
	if err := t.account.ScanQR(ctx, qr); err != nil {
		return nil, err
	}
	_, err = t.client.Ready(ctx, t.id)
	return t, err
}

// held is a row whose verdict is known; seen is what there was to see.
func held(tried, want string, ok bool, seen string, args ...any) row {
	return row{tried: tried, want: want, held: ok, seen: fmt.Sprintf(seen, args...)}
}

// status asks and compares the status of the answer with those that are right.
func status(ctx context.Context, c *stack.Client, tried, method, path string, body any, right ...int) row {
	answer, err := c.Do(ctx, method, path, body)
	if err != nil {
		return held(tried, fmt.Sprint("status ", right), false, "%v", err)
	}
	ok := false
	for _, s := range right {
		ok = ok || answer.Status == s
	}
	return held(tried, fmt.Sprint("status ", right), ok, "%d %s", answer.Status, code(answer))
}

// code is the machine-readable reason of an answer, if it has one.
func code(a stack.Answer) string {
	var out struct {
		Code string `json:"code"`
	}
	if a.Into(&out) != nil {
		return ""
	}
	return out.Code
}
