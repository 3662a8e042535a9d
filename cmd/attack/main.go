package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// options are what a run is made of.
type options struct {
	short bool     // smaller numbers, for the test suite
	only  []string // names of attacks, or beginnings of them; empty: all
	logs  string   // file to keep the manager's log in; empty: it goes with the rest
	say   func(format string, args ...any)
}

func main() {
	if playWorker() {
		return
	}
	o := options{say: func(format string, args ...any) { fmt.Printf(format+"\n", args...) }}
	flag.BoolVar(&o.short, "short", false, "smaller numbers")
	flag.StringVar(&o.logs, "log", "", "keep the manager's log in this `file`")
	only := flag.String("only", "", "only these attacks, separated by commas; the beginning of a name will do")
	list := flag.Bool("list", false, "print the names of the attacks and do nothing")
	flag.Parse()
	if *list {
		for _, a := range attacks() {
			fmt.Printf("%-12s %s\n", a.name, a.what)
		}
		return
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	rows, err := run(ctx, o)
	through := printTable(os.Stdout, rows)
	if err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
	}
	if err != nil || through > 0 {
		os.Exit(1)
	}
}

// attack is one kind of attempt. Its rows say how each of its variants ended;
// an error means that it could not be carried out, which is no success either.
type attack struct {
	name, what string
	run        func(ctx context.Context, l *attackLab) ([]row, error)
}

// row is one thing that was tried.
type row struct {
	attack string
	tried  string
	want   string
	seen   string
	held   bool
}

// attacks are all, in the order in which they run: what ends sessions or fills
// connections comes last.
func attacks() []attack {
	return []attack{
		{"messages", "one tenant takes another tenant's messages", takeMessages},
		{"methods", "methods below the product's books", lowMethods},
		{"worker", "a taken-over worker reaches for everything else", takenOver},
		{"rest", "a copy of the database is opened", readDump},
		{"pictures", "strangers send what takes memory to read", bombs},
		{"guesses", "one password is guessed from many addresses", guess},
		{"sessions", "a session is used after its end", outlive},
		{"streams", "a stream is read after its permission ended", overhear},
		{"names", "what the installation tells and takes", smaller},
		{"memory", "large bodies fill the manager's memory", fillMemory},
		{"connections", "bodies that never come hold connections", holdConnections},
	}
}

func (o options) wants(name string) bool {
	if len(o.only) == 0 {
		return true
	}
	for _, beginning := range o.only {
		if strings.HasPrefix(name, beginning) {
			return true
		}
	}
	return false
}

// run starts an installation and attacks it. The rows are those of all attacks
// that were begun, also when an error is returned.
func run(ctx context.Context, o options) (rows []row, err error) {
	l, err := openLab(ctx, o)
	if l != nil {
		defer func() {
			if end := l.Close(); end != nil && err == nil {
				err = fmt.Errorf("end the installation: %w", end)
			}
		}()
	}
	if err != nil {
		return nil, err
	}
	for _, a := range attacks() {
		if !o.wants(a.name) {
			continue
		}
		began := time.Now()
		limited, cancel := context.WithTimeout(ctx, 5*time.Minute)
		got, failed := a.run(limited, l)
		cancel()
		if failed != nil {
			got = append(got, row{tried: "carry it out", want: "it can be tried", seen: failed.Error()})
		}
		for i := range got {
			got[i].attack = a.name
		}
		rows = append(rows, got...)
		o.say("%-12s %3d tried in %s", a.name, len(got), time.Since(began).Round(100*time.Millisecond))
	}
	return rows, ctx.Err()
}

// printTable returns how many got through.
func printTable(out io.Writer, rows []row) (through int) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nattack\ttried\thas to happen\tseen\t\n")
	for _, r := range rows {
		verdict := "held"
		if !r.held {
			verdict = "GOT THROUGH"
			through++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.attack, cut(r.tried, 60), cut(r.want, 48), cut(r.seen, 72), verdict)
	}
	_ = w.Flush() // it writes where the lines below go, too
	fmt.Fprintf(out, "\n%d tried, %d got through\n", len(rows), through)
	return through
}

func cut(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return text
}
