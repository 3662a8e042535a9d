package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

type measurement struct {
	name    string
	measure func(context.Context, *benchLab) error
}

// measurements in the order in which they run.
var measurements = []measurement{
	{"relay", relay},
	{"send", send},
	{"inbound", inbound},
	{"start", start},
	{"memory", memory},
	{"adopt", adopt},
	{"mirror", mirror},
	{"recovery", recovery},
	{"durability", durability},
	{"flood", flood},
	{"pressure", pressure},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "cost" {
		end(func(ctx context.Context) error { return costs(ctx, os.Args[2:]) })
		return
	}
	quick := flag.Bool("quick", false, "small numbers, to see that everything works")
	only := flag.String("only", "", "run only these measurements, separated by commas")
	var plan soakPlan
	flag.DurationVar(&plan.span, "soak", 0, "no measurements, but a steady load for so long")
	flag.IntVar(&plan.instances, "instances", 300, "of the steady load")
	flag.Float64Var(&plan.rate, "rate", 100, "messages a second of the steady load, over all instances")
	flag.Parse()
	end(func(ctx context.Context) error {
		if plan.span > 0 {
			return soak(ctx, plan)
		}
		return run(ctx, *quick, *only)
	})
}

// end runs the task to its end, or until a signal, and says what went wrong.
func end(task func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := task(ctx); err != nil {
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
		if !slices.ContainsFunc(measurements, func(m measurement) bool { return m.name == name }) {
			return fmt.Errorf("there is no measurement %q", name)
		}
	}
	l, err := openLab(ctx, quick)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
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
	l, err := openLab(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return l.soak(ctx, plan, os.Stdout)
}

// costs is `bench cost`.
func costs(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench cost", flag.ExitOnError)
	var plan costPlan
	flags.IntVar(&plan.accounts, "accounts", 10, "that share the messages")
	flags.IntVar(&plan.messages, "messages", 30, "of each account, for each figure")
	flags.Float64Var(&plan.rate, "rate", 50, "messages a second over all accounts")
	flags.DurationVar(&plan.idle, "idle", time.Minute, "without work, for the rate that is subtracted")
	flags.DurationVar(&plan.empty, "empty", 30*time.Second, "without accounts, for what one of them adds; 0: not told apart")
	statements := flags.Bool("statements", false, "list the SQL statements, with the calls for one of each")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if plan.accounts < 1 || plan.messages < 1 || plan.rate <= 0 || flags.NArg() > 0 {
		return errors.New("cost needs an account, messages and a rate above 0, and nothing behind its flags")
	}
	l, err := openLab(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	report, err := l.cost(ctx, plan)
	if err != nil {
		return fmt.Errorf("cost: %w", err)
	}
	if *asJSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(report)
	}
	report.print(os.Stdout, *statements)
	return nil
}
