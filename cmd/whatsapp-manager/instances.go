package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/keyfile"
	"whatsapp-manager/supervisor/moving/formats"
	"whatsapp-manager/supervisor/moving/neutral"
	"whatsapp-manager/supervisor/store"
)

// instancesCommand holds what an operator does to a single instance outside the API.
// It works on the database, whether the manager runs or not.
func instancesCommand() *cobra.Command {
	var phrase passphrase
	group := &cobra.Command{Use: "instances", Short: "Back up an instance, or move it to another server"}

	var e exporting
	export := &cobra.Command{
		Use: "export ID FILE", Args: cobra.ExactArgs(2),
		RunE: operate(func(ctx context.Context, o *operation, args []string) error {
			if e.to != "" {
				return e.emigrate(ctx, o, supervisor.ID(args[0]), args[1])
			}
			return e.run(ctx, o, phrase, supervisor.ID(args[0]), args[1])
		}),
		Short: "Write an instance into an encrypted file, or its account for another program",
		Long: `Write an instance into an encrypted file: keys, messages, events, webhooks, API keys and settings.

With --move the instance is stopped first and can no longer be started here: the file carries the account to
another server. With --copy the instance keeps running, and the file is a backup in case this server is lost.
Never run the original and a copy at the same time: WhatsApp keeps only one connected, and both lose messages.

With --to FORMAT the account alone is written, in the form of another program, which goes on with it without a new QR
code. Nothing is encrypted then. The command prints a report in JSON: what was taken and what is lost. FORMAT is one
of: ` + strings.Join(formats.Writable(), ", ") + `.`,
	}
	export.Flags().StringVar(&e.to, "to", "", "the other program's form")
	export.Flags().BoolVar(&e.move, "move", false,
		"move the account to another server; the instance is stopped here for good")
	export.Flags().BoolVar(&e.copy, "copy", false, "make a backup; the account stays here")
	export.MarkFlagsOneRequired("move", "copy")
	export.MarkFlagsMutuallyExclusive("move", "copy")

	var i importing
	var m immigration
	imports := &cobra.Command{
		Use: "import FILE", Args: cobra.ExactArgs(1),
		RunE: operate(func(ctx context.Context, o *operation, args []string) error {
			if m.from != "" {
				return m.run(ctx, o, i.owner, args[0])
			}
			return i.run(ctx, o, phrase, args[0])
		}),
		Short: "Import an instance, or an account of another program, completely or not at all",
		Long: `Import an exported instance, completely or not at all, with its id, its API keys and its webhooks.

An instance that was moved runs here if it ran there; a copy stays stopped until somebody starts it. A running
manager finds the instance within WAM_HEALTH_INTERVAL.

With --from FORMAT the file or folder is another program's, and its account becomes a new instance without a new QR
code. The instance is stopped: end the other program first, then start it. The command prints a report in JSON: what
was taken and what is lost. FORMAT is one of: ` + formats.Describe() + `.`,
	}
	imports.Flags().StringVar(&m.from, "from", "", "the other program's form")
	imports.Flags().StringVar(&m.device, "device", "", "which device to take, where the file holds several: 4915112345678:3@s.whatsapp.net")
	imports.Flags().StringVar(&m.name, "name", "", "name of the new instance; default: the account's own name")
	imports.Flags().StringVar(&i.owner, "owner", "",
		"e-mail address of the instance's owner on this server; default: the same as before, with --from the first administrator")
	imports.Flags().BoolVar(&i.start, "start", false, "start the instance, whatever the file says")
	imports.Flags().BoolVar(&i.stopped, "stopped", false, "leave the instance stopped, whatever the file says")
	imports.MarkFlagsMutuallyExclusive("start", "stopped", "from")

	for _, cmd := range []*cobra.Command{export, imports} {
		cmd.Flags().StringVar(&phrase.file, "passphrase-file", "",
			"file whose first line is the passphrase; -: standard input; default: the file that "+passphraseEnv+" names")
	}
	reclaim := &cobra.Command{
		Use: "reclaim ID", Args: cobra.ExactArgs(1), RunE: operate(reclaim),
		Short: "Allow an instance that was exported with --move to run here again; only if it does not run elsewhere",
	}
	dump := &cobra.Command{
		Use: "web-dump", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), neutral.DumpScript)
			return err
		},
		Short: "Print the script that dumps a logged-in page of WhatsApp Web for import --from wa-store-migrate",
	}
	group.AddCommand(export, imports, reclaim, dump)
	return group
}

// operation is what a command works with.
type operation struct {
	config config
	store  *store.Store
	keys   *keyfile.File
	in     io.Reader
	out    io.Writer
}

// operate opens the database for a command and leaves it as it was found. A
// signal ends ctx, so that the command can put back what it has begun.
func operate(run func(context.Context, *operation, []string) error) func(*cobra.Command, []string) error {
	return operateOn(useKeys, run)
}

// withoutKeys is for a command that does without the key file.
func withoutKeys(context.Context, config, *store.Store, zerolog.Logger) (*keyfile.File, error) {
	return nil, nil
}

// operateOn is operate with another way to the key file.
func operateOn(
	use func(context.Context, config, *store.Store, zerolog.Logger) (*keyfile.File, error),
	run func(context.Context, *operation, []string) error,
) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := loadConfig(cmd.Flags(), os.Environ())
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		defer stop()
		if c.Data.DatabaseURL == "" {
			if _, err := os.Stat(c.Data.DataDir); err != nil { // a new empty one would only confuse
				return fmt.Errorf("setting %sDATA_DIR: %w", envPrefix, err)
			}
		}
		log := c.logger(stderr)
		db, err := openDatabase(ctx, c, log)
		if err != nil {
			return err
		}
		st, err := db.open(ctx)
		if err == nil {
			var keys *keyfile.File
			if keys, err = use(ctx, c, st, log); err == nil {
				err = run(ctx, &operation{config: c, store: st, keys: keys, in: os.Stdin, out: cmd.OutOrStdout()}, args)
			}
			st.Close()
		}
		if cluster := db.current(); cluster != nil && !cluster.Adopted() {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
			defer cancel()
			err = errors.Join(err, db.Stop(last))
		}
		return err
	}
}

func reclaim(ctx context.Context, o *operation, args []string) error {
	id := supervisor.ID(args[0])
	if err := o.store.TakeBack(ctx, id); err != nil {
		return fmt.Errorf("reclaim %s: %w", id, err)
	}
	fmt.Fprintf(o.out, "Instance %s is of this server again, and stopped. Start it only when it does not run elsewhere.\n", id)
	return o.audit(ctx, "instance.reclaim", id, nil)
}

// passphraseEnv names a file, as a secret's value does not belong into an environment.
const passphraseEnv = envPrefix + "PASSPHRASE_FILE"

// passphrase is where to read one from.
type passphrase struct{ file string }

func (p passphrase) read(stdin io.Reader) (string, error) {
	name := p.file
	if name == "" {
		name = os.Getenv(passphraseEnv)
	}
	in := stdin
	switch name {
	case "":
		return "", fmt.Errorf("no passphrase: give --passphrase-file, or name the file in %s", passphraseEnv)
	case "-":
	default:
		f, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("read passphrase: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return "", fmt.Errorf("read passphrase: %w", err)
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	if first = bytes.TrimSuffix(first, []byte("\r")); len(first) == 0 {
		return "", errors.New("read passphrase: its first line is empty")
	}
	return string(first), nil
}
