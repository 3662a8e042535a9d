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
				"put that file back from your copy; if it is lost for good, see: whatsapp-manager secrets abandon", envPrefix, c.Data.SecretKeyFile, strings.Join(with, ", "))
		}
		if file, err = keyfile.Create(c.Data.SecretKeyFile); errors.Is(err, fs.ErrExist) {
			file, err = keyfile.Open(c.Data.SecretKeyFile)
		} else if err == nil {
			log.Info().Str("file", c.Data.SecretKeyFile).Msg("made the key that seals the secrets in the database: keep a copy of this file, apart from the backups of the database, which are worthless without it")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("setting %sSECRET_KEY_FILE: %w", envPrefix, err)
	}
	file.OnBad(func(err error) {
		log.Error().Err(err).Msg("the secret key file was changed and cannot be used; going on with the keys that it had")
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
		log.Info().Int("rows", sealed).Str("key", file.Ring().ID()).Msg("secrets in the database that stood open, or were sealed with an older key, are sealed now")
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
		Use: "status", Args: cobra.NoArgs, RunE: operate(func(ctx context.Context, o *operation, _ []string) error { return o.showSecrets(ctx) }),
		Short: "Say which key the secrets are sealed with",
	}
	rotate := &cobra.Command{
		Use: "rotate", Args: cobra.NoArgs, RunE: operate(rotateSecrets),
		Short: "Make a new key and seal the secrets anew",
		Long: `Make a new key and seal the secrets anew. It stands first in the file; the old ones stay and open what is
still sealed with them. The manager may run, and finds the new key by itself. What belongs to WhatsApp devices
is sealed anew by their workers, each at its next start. When status shows nothing any more under the old key,
prune removes it.`,
	}
	prune := &cobra.Command{
		Use: "prune", Args: cobra.NoArgs, RunE: operate(pruneSecrets),
		Short: "Remove old keys that nothing is sealed with",
		Long: `Remove old keys that nothing is sealed with. Backups of the database from before the rotation are then
worthless, unless you have kept a copy of the old file.`,
	}
	var sure bool
	abandon := &cobra.Command{
		Use: "abandon --yes", Args: cobra.NoArgs, RunE: operateOn(withoutKeys, func(ctx context.Context, o *operation, _ []string) error {
			if !sure {
				return errors.New("this cannot be taken back; say --yes, with no manager and no worker running")
			}
			return abandonSecrets(ctx, o)
		}),
		Short: "Go on with a new key after the old one was lost: accounts have to be paired again",
		Long: `Give up what is sealed with a key that is lost. Users log in again, webhooks are disabled until their secret is
renewed, and accounts have to be paired again. Messages, events and API keys stay. Nothing may run meanwhile.`,
	}
	abandon.Flags().BoolVar(&sure, "yes", false, "yes, for good")
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
		fmt.Fprintf(o.out, "  %-26s %6d settings %6d webhooks %6d devices\n", what, counts["settings"][id], counts["webhooks"][id], counts["devices"][id])
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
	fmt.Fprintln(o.out, "There is a new key. Keep a copy of the file. Devices follow when their workers start again.")
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
		return fmt.Errorf("%d workers know the old key only, and may still seal with it: restart their instances first", n)
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
	fmt.Fprintf(o.out, "%d old keys are removed.\n", len(before.Keys())-len(after.Keys()))
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
	fmt.Fprintf(o.out, "%d secrets are given up.\n", n)
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
