// Command wasim runs the WhatsApp simulator until it gets SIGINT or SIGTERM. It
// prints the endpoint, which is also where the control API is, as its first line
// on standard output.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"

	"whatsapp-manager/worker/wasim"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "wasim:", err)
		}
		os.Exit(1)
	}
}

func run(args []string) error {
	server := &wasim.Server{}
	flags := flag.NewFlagSet("wasim", flag.ContinueOnError)
	flags.StringVar(&server.Listen, "listen", "127.0.0.1:0", "loopback `address` to listen on")
	flags.StringVar(&server.RootKey, "root", os.Getenv("WASIM_ROOT"), "private certificate root in `hex`; random when empty")
	flags.BoolVar(&server.DirectByPhoneNumber, "direct-by-number", false, "deliver 1:1 messages under phone numbers")
	flags.BoolVar(&server.GroupsByPhoneNumber, "groups-by-number", false, "address members of new groups by phone number")
	verbose := flags.Bool("verbose", false, "log connections and refused requests to standard error")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *verbose {
		server.Log = zerolog.New(os.Stderr).With().Timestamp().Logger()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	select {
	case <-server.Started():
		fmt.Println(server.Endpoint())
	case err := <-ended:
		return err
	}
	return <-ended
}
