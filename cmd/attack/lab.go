package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"whatsapp-manager/cmd/internal/lab"
	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
)

// attackLab is the installation under attack.
type attackLab struct {
	*lab.Lab
	o     options
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
// tenants' accounts. The caller closes the lab, also after an error.
func openLab(ctx context.Context, o options) (*attackLab, error) {
	base, err := lab.Start(ctx, "attack")
	if err != nil {
		return nil, err
	}
	l := &attackLab{Lab: base, o: o}
	err = lab.Build(ctx, l.Bin, nil, lab.Program{Package: lab.Manager},
		lab.Program{Name: hostileWorker, Package: "whatsapp-manager/cmd/attack"})
	if err != nil {
		return l, err
	}
	starting, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	l.stack, err = stack.Start(starting, stack.Options{Bin: l.Bin, Endpoint: l.Sim.Endpoint(), Env: []string{
		"WAM_LOG_LEVEL=info", "WAM_SENDS_PER_MINUTE=0", "WAM_REGISTRATION=true",
		"WAM_WORKER_BINARY=" + filepath.Join(l.Bin, hostileWorker),
		"WAM_MEDIA_NETWORKS=127.0.0.0/8", // where the pages with the pictures are
		"WAM_TRUSTED_PROXIES=127.0.0.0/8",
	}})
	if err != nil {
		return l, err
	}
	l.Defer(l.stack.Close)
	l.Defer(l.keepLog)
	l.admin = l.stack.Client
	if l.attacker, err = l.enlist(starting, "mallory"); err != nil {
		return l, err
	}
	if l.victim, err = l.enlist(starting, "victoria"); err != nil {
		return l, err
	}
	l.customer, err = l.person("Customer")
	return l, err
}

func (l *attackLab) keepLog() error {
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
func (l *attackLab) person(name string) (*wasim.Account, error) {
	return l.Sim.CreateAccount(fmt.Sprint(15630000000+l.numbers.Add(1)), name, wasim.AccountOptions{})
}

// user makes one without an instance, signed in.
func (l *attackLab) user(ctx context.Context, name string) (*tenant, error) {
	t := &tenant{email: name + "@example.org", password: tenantPassword}
	if err := l.admin.Want(ctx, http.StatusCreated, http.MethodPost, "/api/users",
		map[string]any{"email": t.email, "password": t.password}, nil); err != nil {
		return nil, err
	}
	t.client = l.client("")
	return t, t.client.Login(ctx, t.email, t.password)
}

// client speaks to the API with a credential: a token or a key.
func (l *attackLab) client(credential string) *stack.Client {
	return &stack.Client{Base: l.admin.Base, HTTP: l.admin.HTTP, Token: credential}
}

// enlist makes a user with a paired instance.
func (l *attackLab) enlist(ctx context.Context, name string) (*tenant, error) {
	t, err := l.user(ctx, name)
	if err != nil {
		return nil, err
	}
	if t.account, err = l.person(name); err != nil {
		return nil, err
	}
	t.id, t.key, err = lab.Pair(ctx, t.client, t.account, name)
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
