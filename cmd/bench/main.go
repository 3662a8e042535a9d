package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.mau.fi/libsignal/logger"
	"go.mau.fi/whatsmeow"

	"whatsapp-manager/worker/wasim"
)

// measurements in the order in which they run.
var measurements = []struct {
	name    string
	measure func(context.Context, *lab) error
}{
	{"relay", relay}, {"send", send}, {"inbound", inbound}, {"start", start}, {"memory", memory}, {"adopt", adopt}, {"mirror", mirror},
	{"recovery", recovery}, {"durability", durability}, {"flood", flood}, {"pressure", pressure},
}

func main() {
	quick := flag.Bool("quick", false, "small numbers, to see that everything works")
	only := flag.String("only", "", "run only these measurements, separated by commas")
	var plan soakPlan
	flag.DurationVar(&plan.span, "soak", 0, "no measurements, but a steady load for so long")
	flag.IntVar(&plan.instances, "instances", 300, "of the steady load")
	flag.Float64Var(&plan.rate, "rate", 100, "messages a second of the steady load, over all instances")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	task := func() error { return run(ctx, *quick, *only) }
	if plan.span > 0 {
		task = func() error { return soak(ctx, plan) }
	}
	if err := task(); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("interrupted: %w", err)
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, quick bool, only string) (err error) {
	var wanted []string
	if only != "" {
		wanted = strings.Split(only, ",")
	}
	for _, name := range wanted {
		if !slices.ContainsFunc(measurements, func(m struct {
			name    string
			measure func(context.Context, *lab) error
		}) bool {
			return m.name == name
		}) {
			return fmt.Errorf("there is no measurement %q", name)
		}
	}
	l, closeLab, err := openLab(ctx, quick)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLab()) }()
	fmt.Printf("%d CPUs, %s; simulator, clients and product share them\n", runtime.NumCPU(), runtime.Version())
	for _, m := range measurements {
		if len(wanted) > 0 && !slices.Contains(wanted, m.name) {
			continue
		}
		busy, err := disturbance(500 * time.Millisecond)
		if err != nil {
			return err
		}
		if busy > 0.1 {
			fmt.Printf("\nother programs use %.0f %% of the CPUs: read what follows with care\n", 100*busy)
		}
		began := time.Now()
		l.table = newTable(m.name)
		if err := m.measure(ctx, l); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		l.table.print(os.Stdout, time.Since(began))
	}
	return nil
}

func soak(ctx context.Context, plan soakPlan) (err error) {
	if plan.instances < 2 || plan.rate <= 0 {
		return errors.New("a steady load needs two instances, and messages")
	}
	l, closeLab, err := openLab(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLab()) }()
	return l.soak(ctx, plan, os.Stdout)
}

// openLab builds the programs and starts the simulator.
func openLab(ctx context.Context, quick bool) (*lab, func() error, error) {
	bin, err := os.MkdirTemp("", "wam-bench")
	if err != nil {
		return nil, nil, fmt.Errorf("make directory: %w", err)
	}
	if err := os.Chmod(bin, 0o755); err != nil { // the private Postgres may run as another user
		return nil, nil, fmt.Errorf("open directory: %w", err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin+"/",
		"whatsapp-manager/cmd/whatsapp-manager", "whatsapp-manager/cmd/whatsapp-worker")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("build the programs: %w", err), os.RemoveAll(bin))
	}
	sim := &wasim.Server{}
	simulating, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- sim.Run(simulating) }()
	select {
	case <-sim.Started():
	case err := <-ended:
		stop()
		return nil, nil, errors.Join(fmt.Errorf("start simulator: %w", err), os.RemoveAll(bin))
	}
	whatsmeow.WACertPubKey = sim.Root().Public() // for the baselines in this process
	var quiet logger.Loggable = quietSignal{}
	logger.Setup(&quiet)
	l := &lab{sim: sim, bin: bin, quick: quick}
	return l, func() error {
		var errs []error
		if l.cluster != nil {
			errs = append(errs, l.cluster.Stop(context.WithoutCancel(ctx)))
		}
		stop()
		return errors.Join(append(errs, <-ended, os.RemoveAll(bin))...)
	}, nil
}

// quietSignal keeps libsignal from printing.
type quietSignal struct{}

func (quietSignal) Debug(string, string)   {}
func (quietSignal) Info(string, string)    {}
func (quietSignal) Warning(string, string) {}
func (quietSignal) Error(string, string)   {}
func (quietSignal) Configure(string)       {}
