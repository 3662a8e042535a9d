// Command whatsapp-manager runs many WhatsApp accounts, one worker process
// each, behind one HTTP API. It is the only place that wires the rooms
// together.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Build is set by the linker; see the Makefile.
var Build = ""

func main() {
	if err := root().ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "whatsapp-manager:", err)
		os.Exit(1)
	}
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "whatsapp-manager",
		Short:         "Run many WhatsApp accounts behind one HTTP API",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	addFlags(cmd.PersistentFlags())
	with := func(run func(ctx context.Context, c config) error) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd.Flags(), os.Environ())
			if err != nil {
				return err
			}
			return run(cmd.Context(), c)
		}
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "serve", Args: cobra.NoArgs, RunE: with(serve),
			Short: "Run the manager: SIGTERM lets the workers live on, SIGINT (Ctrl-C) ends them first",
		},
		&cobra.Command{
			Use: "stop", Args: cobra.NoArgs, RunE: with(stop),
			Short: "Gracefully end the manager of this data directory, its workers and its private Postgres",
		},
		&cobra.Command{
			Use: "migrate", Args: cobra.NoArgs, RunE: with(migrate),
			Short: "Migrate the database to this version's schema and exit",
		},
		&cobra.Command{
			Use: "doctor", Args: cobra.NoArgs, RunE: with(doctor),
			Short: "Check the installation: say what is wrong and what could be better; changes nothing",
		},
		&cobra.Command{
			Use: "demo", Args: cobra.NoArgs,
			RunE:  func(cmd *cobra.Command, _ []string) error { return demo(cmd.Context(), cmd.Flags()) },
			Short: "Run against a simulated WhatsApp, with accounts that pair and chat by themselves",
		},
		instancesCommand(),
		secretsCommand(),
		readAccountCommand(),
	)
	return cmd
}

func version() string {
	if Build != "" {
		return Build
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "dev"
}

// errStopped says that the daemon ended because it was told to.
var errStopped = errors.New("stopped")
