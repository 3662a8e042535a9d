package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are what a run is made of; together with the program they decide the
// schedule.
type options struct {
	seed      uint64
	instances int
	length    time.Duration // how long faults are injected
	rate      float64       // messages a second and instance, in each direction
	only      []string      // kinds of faults; empty: all
	logs      string        // directory to keep the product's logs in; empty: they go with the rest
	say       func(format string, args ...any)
}

func main() {
	if playWorker() {
		return
	}
	o := options{say: func(format string, args ...any) { fmt.Printf(format+"\n", args...) }}
	seconds := flag.Int("seconds", 120, "how long faults are injected")
	flag.Uint64Var(&o.seed, "seed", 0, "of the schedule; 0: a new one")
	flag.IntVar(&o.instances, "instances", 20, "paired accounts")
	flag.Float64Var(&o.rate, "rate", 1, "messages a second and instance, in each direction")
	flag.StringVar(&o.logs, "logs", "", "keep the product's logs in this `directory`")
	only := flag.String("only", "", "only these kinds of faults, separated by commas, as -plan names them")
	plan := flag.Bool("plan", false, "print the schedule and do nothing")
	flag.Parse()
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1 << 32)
	}
	o.length = time.Duration(*seconds) * time.Second
	if o.instances < 1 || o.length <= 0 || o.rate <= 0 {
		fmt.Fprintln(os.Stderr, "chaos: instances, seconds and rate must be above zero")
		os.Exit(2)
	}
	fmt.Printf("SEED=%d INSTANCES=%d CHAOS_SECONDS=%d\n", o.seed, o.instances, *seconds)
	if *plan {
		for _, f := range schedule(o).sorted() {
			fmt.Println(f)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	v, err := run(ctx, o)
	if v != nil {
		v.print(os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	if err != nil || len(v.wrong) > 0 {
		fmt.Printf("again with: make chaos SEED=%d INSTANCES=%d CHAOS_SECONDS=%d\n", o.seed, o.instances, *seconds)
		os.Exit(1)
	}
}
