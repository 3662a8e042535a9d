// Command wasim runs the WhatsApp simulator, with its control API, until it gets
// SIGINT or SIGTERM. When it serves, it prints its endpoint as the first line on
// standard output: a URL, or with -json the object {"endpoint":"URL"}.
//
// A program that starts it as a child uses -json and -until-eof (see package
// worker/wasim/client): it then ends with its parent, whose end of the pipe closes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/control"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "wasim:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	server := &wasim.Server{}
	flags := flag.NewFlagSet("wasim", flag.ContinueOnError)
	flags.StringVar(&server.Listen, "listen", "127.0.0.1:0", "loopback `address` to listen on")
	flags.StringVar(&server.RootKey, "root", os.Getenv("WASIM_ROOT"),
		"private certificate root in `hex`; random when empty")
	flags.BoolVar(&server.DirectByPhoneNumber, "direct-by-number", false, "deliver 1:1 messages under phone numbers")
	flags.BoolVar(&server.GroupsByPhoneNumber, "groups-by-number", false, "address members of new groups by phone number")
	verbose := flags.Bool("verbose", false, "log connections and refused requests to standard error")
	asJSON := flags.Bool("json", false, "print the endpoint as a JSON object")
	untilEOF := flags.Bool("until-eof", false, "end when standard input ends")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *verbose {
		server.Log = zerolog.New(os.Stderr).With().Timestamp().Logger()
	}
	server.Control = control.Handler(server)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if *untilEOF {
		// Nobody waits for this goroutine: a read of standard input cannot be
		// interrupted, and the process ends soon after.
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	select {
	case <-server.Started():
	case err := <-ended:
		return err
	}
	if err := printEndpoint(server.Endpoint(), *asJSON); err != nil {
		cancel()
		return errors.Join(err, <-ended)
	}
	return <-ended
}

func printEndpoint(endpoint string, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(map[string]string{"endpoint": endpoint})
	}
	_, err := fmt.Println(endpoint)
	return err
}
