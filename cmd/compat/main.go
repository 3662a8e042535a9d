package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"whatsapp-manager/worker/wasim/client"
)

//go:embed reference.tsv
var reference []byte

func main() {
	bin := flag.String("bin", "bin", "directory of whatsapp-manager, whatsapp-worker and wasim")
	endpoint := flag.String("endpoint", "",
		"endpoint of a running simulator, as in WAM_WHATSAPP_ENDPOINT; empty: start one")
	report := flag.String("report", "", "write the report to this file")
	only := flag.String("only", "", "only methods whose name contains this")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	results, err := runAll(ctx, *bin, *endpoint, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(1)
	}
	text, good := render(results)
	for _, r := range results {
		if r.wrong != "" {
			fmt.Printf("%-40s %s\n", r.name, r.wrong)
		}
	}
	fmt.Printf("%d of %d\n", good, len(results))
	if *report != "" {
		if err := os.WriteFile(*report, []byte(text), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "compat:", err)
			os.Exit(1)
		}
	}
	if good < len(results) {
		os.Exit(1)
	}
}

// method is a line of the reference.
type method struct {
	name, returns string
	browser       bool // impossible without one: 501 with the reason is right
}

func methods() []method {
	var all []method
	for s := bufio.NewScanner(bytes.NewReader(reference)); s.Scan(); {
		if fields := strings.Split(s.Text(), "\t"); len(fields) == 3 && !strings.HasPrefix(fields[0], "#") {
			all = append(all, method{fields[0], fields[1], fields[2] != ""})
		}
	}
	return all
}

// result is what became of a method; wrong is empty when all was well.
type result struct {
	name, how, wrong string
}

// render writes the report. It depends on nothing but the results.
func render(results []result) (text string, good int) {
	var rows strings.Builder
	for _, r := range results {
		mark := r.how
		if r.wrong == "" {
			good++
		} else {
			mark = "**" + r.wrong + "**"
		}
		fmt.Fprintf(&rows, "| `%s` | %s |\n", r.name, mark)
	}
	return fmt.Sprintf(`# Compatibility with whatsapp-web.js

`+"`make compat`"+` writes this page. It calls every method over HTTP against a running installation, and looks for the
method's effect. %d of %d methods of whatsapp-web.js 1.34.7 answer as they should: a method that needs a browser or the
caller's own files answers 501 with the reason, and all others do what they say.

An effect is seen in the answer itself, in a later answer, in the event feed, on another account's phone, or in what the
simulator of WhatsApp holds.

| Method | Where the effect was seen |
|---|---|
%s%s`, good, len(results), rows.String(), kinds()), good
}

// startStandIn runs wasim and returns its endpoint and how to end it.
func startStandIn(ctx context.Context, bin string) (endpoint string, end func() error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	wasim := client.NewProgram(filepath.Join(bin, "wasim"))
	var running errgroup.Group
	running.Go(func() error { defer cancel(); return wasim.Run(ctx) })
	end = func() error { cancel(); return running.Wait() }
	select {
	case <-wasim.Started():
		return wasim.Endpoint(), end, nil
	case <-ctx.Done():
		return "", nil, errors.Join(errors.New("the stand-in does not start"), end())
	}
}
