package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"whatsapp-manager/supervisor/keyfile"
	"whatsapp-manager/supervisor/store"
)

// useKeys has the store seal its secrets with the installation's key file. A file
// is made only for a database in which nothing is sealed: another one could not
// open what is there, and would hide that the right one is missing.
func useKeys(ctx context.Context, c config, st *store.Store, log zerolog.Logger) (*keyfile.File, error) {
	file, err := keyfile.Open(c.Data.SecretKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		with, sealErr := st.SealedWith(ctx)
		switch {
		case sealErr != nil:
			return nil, sealErr
		case len(with) > 0:
			return nil, fmt.Errorf("setting %sSECRET_KEY_FILE: there is no %s, and the secrets in the database are sealed with key %s: "+
				"put that file back from your copy; if it is lost for good, see: whatsapp-manager secrets abandon", envPrefix,
				c.Data.SecretKeyFile, strings.Join(with, ", "))
		}
		if file, err = keyfile.Create(c.Data.SecretKeyFile); errors.Is(err, fs.ErrExist) {
			file, err = keyfile.Open(c.Data.SecretKeyFile)
		} else if err == nil {
			log.Info().Str("file", c.Data.SecretKeyFile).Msg("made the key that seals the secrets in the database: keep a copy of this file, apart from the database backups, which cannot be used without it")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("setting %sSECRET_KEY_FILE: %w", envPrefix, err)
	}
	file.OnBad(func(err error) {
		log.Error().Err(err).Msg("the changed secret key file cannot be used; the previous keys stay in use")
	})
	sealed, err := st.UseKeys(ctx, file)
	if errors.Is(err, store.ErrWrongKeys) {
		return nil, fmt.Errorf("setting %sSECRET_KEY_FILE: %w, and %s holds %s: put the right file there; if it is lost for good, see: whatsapp-manager secrets abandon",
			envPrefix, err, c.Data.SecretKeyFile, ids(file))
	}
	if err != nil {
		return nil, fmt.Errorf("seal the secrets in the database: %w", err)
	}
	if sealed > 0 {
		log.Info().Int("rows", sealed).Str("key", file.Ring().ID()).
			Msg("sealed secrets in the database that were not sealed, or were sealed with an older key")
	}
	return file, nil
}

func ids(file *keyfile.File) string {
	var list []string
	for _, k := range file.Ring().Keys() {
		list = append(list, k.ID)
	}
	return strings.Join(list, ", ")
}

// secretsCommand is what an operator does to the key file.
func secretsCommand() *cobra.Command {
	group := &cobra.Command{Use: "secrets", Short: "Show or change the key that seals the secrets in the database"}
	status := &cobra.Command{
		Use: "status", Args: cobra.NoArgs,
		RunE:  operate(func(ctx context.Context, o *operation, _ []string) error { return o.showSecrets(ctx) }),
		Short: "Show which key the secrets are sealed with",
	}
	rotate := &cobra.Command{
		Use: "rotate", Args: cobra.NoArgs, RunE: operate(rotateSecrets),
		Short: "Make a new key and seal the secrets with it",
		Long: `Make a new key and seal the secrets with it. The new key is the first in the file. The old keys stay and open
what is still sealed with them. The manager may run meanwhile; it finds the new key by itself. Each worker seals
the secrets of its WhatsApp device with the new key when it starts the next time. When status shows nothing under
the old key, prune removes it.`,
	}
	prune := &cobra.Command{
		Use: "prune", Args: cobra.NoArgs, RunE: operate(pruneSecrets),
		Short: "Remove old keys that nothing is sealed with",
		Long: `Remove old keys that nothing is sealed with. Database backups from before the rotation can then no longer be
used, unless you have kept a copy of the old file.`,
	}
	var sure bool
	abandon := &cobra.Command{
		Use: "abandon --yes", Args: cobra.NoArgs, RunE: operateOn(withoutKeys,
			func(ctx context.Context, o *operation, _ []string) error {
				if !sure {
					return errors.New("this cannot be undone; stop the manager and all workers, then repeat with --yes")
				}
				return abandonSecrets(ctx, o)
			}),
		Short: "Continue with a new key after the old one was lost: accounts have to be paired again",
		Long: `Give up everything that is sealed with a lost key. Users have to log in again, webhooks are disabled until their
secret is renewed, and accounts have to be paired again. Messages, events and API keys stay. The manager and the
workers must be stopped.`,
	}
	abandon.Flags().BoolVar(&sure, "yes", false, "confirm; this cannot be undone")
	group.AddCommand(status, rotate, prune, abandon)
	return group
}

func (o *operation) showSecrets(ctx context.Context) error {
	counts, err := o.store.CountSecrets(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "%s\n", o.keys.Path())
	shown := map[string]bool{}
	line := func(id, what string) {
		shown[id] = true
		fmt.Fprintf(o.out, "  %-26s %6d settings %6d webhooks %6d devices\n", what, counts["settings"][id],
			counts["webhooks"][id], counts["devices"][id])
	}
	for i, k := range o.keys.Ring().Keys() {
		line(k.ID, k.ID+map[bool]string{true: " (seals)", false: ""}[i == 0])
	}
	var others []string
	for _, of := range counts {
		for id := range of {
			if !shown[id] && !slices.Contains(others, id) {
				others = append(others, id)
			}
		}
	}
	slices.Sort(others)
	for _, id := range others {
		if id == "" {
			line(id, "not sealed")
		} else {
			line(id, id+" (missing)")
		}
	}
	return nil
}

func rotateSecrets(ctx context.Context, o *operation, _ []string) error {
	ring, err := o.keys.Ring().Rotated()
	if err != nil {
		return fmt.Errorf("rotate: %w (whatsapp-manager secrets prune)", err)
	}
	if err := o.keys.Replace(ring); err != nil {
		return err
	}
	if _, err := o.store.Reseal(ctx); err != nil {
		return fmt.Errorf("%w; the new key is in place, and the manager's next start seals the rest", err)
	}
	fmt.Fprintln(o.out, "There is a new key. Keep a copy of the file. Each device follows when its worker starts again.")
	return errors.Join(o.showSecrets(ctx), o.audit(ctx, "secrets.rotate", "", map[string]any{"key": ring.ID()}))
}

func pruneSecrets(ctx context.Context, o *operation, _ []string) error {
	if _, err := o.store.Reseal(ctx); err != nil {
		return err
	}
	switch n, err := o.store.WorkersBefore(ctx); {
	case err != nil:
		return err
	case n > 0:
		return fmt.Errorf("%d workers know only the old key and may still seal with it: restart their instances first", n)
	}
	counts, err := o.store.CountSecrets(ctx)
	if err != nil {
		return err
	}
	before := o.keys.Ring()
	after := before.Only(func(id string) bool {
		return counts["settings"][id]+counts["webhooks"][id]+counts["devices"][id] > 0
	})
	if err := o.keys.Replace(after); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "%d old keys were removed.\n", len(before.Keys())-len(after.Keys()))
	return errors.Join(o.showSecrets(ctx), o.audit(ctx, "secrets.prune", "", nil))
}

// abandonSecrets goes on with the file that is there, or a new one.
func abandonSecrets(ctx context.Context, o *operation) error {
	file, err := keyfile.Open(o.config.Data.SecretKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		file, err = keyfile.Create(o.config.Data.SecretKeyFile)
	}
	if err != nil {
		return err
	}
	n, err := o.store.Abandon(ctx, file)
	if err != nil {
		return err
	}
	if _, err := o.store.UseKeys(ctx, file); err != nil {
		return err
	}
	o.keys = file
	fmt.Fprintf(o.out, "%d secrets were given up.\n", n)
	return errors.Join(o.showSecrets(ctx), o.audit(ctx, "secrets.abandon", "", map[string]any{"rows": n}))
}

// keyFile is where the key is unless the setting says otherwise.
func keyFile(dataDir string) string { return filepath.Join(dataDir, "secret.key") }

// presentKeys returns the key file where there is one, for who starts nothing new.
func presentKeys(c config) *keyfile.File {
	file, err := keyfile.Open(c.Data.SecretKeyFile)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintln(stderr, "whatsapp-manager:", err)
		}
		return nil
	}
	return file
}
