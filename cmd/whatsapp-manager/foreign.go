package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of foreign databases
	"github.com/spf13/cobra"

	"whatsapp-manager/api/arrival"
	"whatsapp-manager/api/credential"
	"whatsapp-manager/api/ident"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/apart"
	"whatsapp-manager/supervisor/moving/formats"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/carry"
)

// readAccountCommand is the process in which strangers' files are read.
func readAccountCommand() *cobra.Command {
	return &cobra.Command{
		Use: apart.Command, Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return apart.Serve(cmd.Context(), os.Stdin, os.Stdout)
		},
	}
}

// reader starts this very program, also where its file was replaced meanwhile.
var reader = apart.Reader{Program: "/proc/self/exe"}

// stale is how old a directory of an import is when nobody works on it any more.
const stale = time.Hour

// sweepIncoming removes what imports left that were killed: keys stand open in it.
func sweepIncoming(dataDir string) error {
	left, err := filepath.Glob(filepath.Join(dataDir, arrival.Prefix+"*"))
	if err != nil {
		return fmt.Errorf("look for imports that were cut off: %w", err)
	}
	for _, dir := range left {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && time.Since(info.ModTime()) > stale {
			if err := os.RemoveAll(dir); err != nil {
				return fmt.Errorf("remove an import that was cut off: %w", err)
			}
		}
	}
	return nil
}

// immigration is what an operator says about an account of another program.
type immigration struct{ from, device, name string }

// moved is what the command prints.
type moved struct {
	Instance string         `json:"instance"`
	APIKey   string         `json:"apiKey"`
	Report   *moving.Report `json:"report"`
}

func (m immigration) run(ctx context.Context, o *operation, owner, path string) error {
	if err := o.roomForAnother(ctx); err != nil {
		return err
	}
	ownerID, err := o.ownerOf(ctx, owner)
	if err != nil {
		return err
	}
	res, err := m.read(ctx, o, path)
	if err != nil {
		return fmt.Errorf("import %s: %w", path, err)
	}
	defer res.Close()
	at, key := time.Now().UTC().Truncate(time.Microsecond), credential.NewKey()
	in := store.Instance{
		ID: supervisor.ID(ident.NewInstance()), OwnerID: ownerID, Name: moving.NameFor(strings.TrimSpace(m.name), res.Report), Desired: supervisor.Stop,
		SendsPerMinute: int(o.config.WhatsApp.SendsPerMinute), CreatedAt: at, UpdatedAt: at,
	}
	err = carry.In(ctx, o.store, in, store.APIKey{
		ID: ident.New(), InstanceID: in.ID, Name: "first", Hash: credential.Hash(key), Prefix: credential.Shown(key), CreatedAt: at,
	}, res.Account, res.Rest, m.from)
	if err != nil {
		return fmt.Errorf("import %s: %w", path, err)
	}
	out := json.NewEncoder(o.out)
	out.SetIndent("", "  ")
	//nolint:gosec // the key is shown this once, to whoever made the instance
	return out.Encode(moved{string(in.ID), key, res.Report})
}

func (m immigration) read(ctx context.Context, o *operation, path string) (res apart.Result, err error) {
	if m.from == formats.Postgres {
		res.Account, res.Report, err = readForeignDatabase(ctx, path, o.in, m.device)
		return res, err
	}
	if err := formats.Known(m.from); err != nil {
		return res, err
	}
	dir, err := os.MkdirTemp(o.config.Data.DataDir, arrival.Prefix) // of mode 0700
	if err != nil {
		return res, fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir)
	copied, err := formats.Gather(path, dir)
	if err != nil {
		return res, err
	}
	return reader.Read(ctx, apart.Request{Form: m.from, Dir: dir, Path: copied, Device: m.device})
}

// readForeignDatabase takes the URL from a file: on the command line everybody on the host
// could read its password.
func readForeignDatabase(ctx context.Context, path string, stdin io.Reader, device string) (*moving.Account, *moving.Report, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(filepath.Clean(path))
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return nil, nil, err
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	lib, err := sql.Open("pgx", strings.TrimSpace(string(first)))
	if err != nil {
		return nil, nil, errors.New("the first line of the file is not a Postgres URL") // the cause quotes the password
	}
	defer lib.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	tx, err := lib.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, nil, errors.New("the former program's database cannot be reached with the URL in the file") // likewise
	}
	a, r, err := formats.ReadPostgres(ctx, tx, device)
	return a, r, errors.Join(err, tx.Rollback())
}

// ownerOf finds who shall own an instance; without an address it is the first administrator.
func (o *operation) ownerOf(ctx context.Context, address string) (string, error) {
	if address == "" {
		address = string(o.config.Access.AdminEmail)
	}
	user, err := o.store.UserByEmail(ctx, strings.ToLower(address))
	if err != nil {
		return "", fmt.Errorf("find the owner %s: %w; name another one with --owner", address, err)
	}
	return user.ID, nil
}

// roomForAnother refuses an instance above the installation's limit.
func (o *operation) roomForAnother(ctx context.Context) error {
	limit := int(o.config.Access.MaxInstances)
	if limit == 0 {
		return nil
	}
	_, n, err := o.store.Instances(ctx, "", 0, 1)
	if err != nil {
		return fmt.Errorf("count instances: %w", err)
	}
	if n >= limit {
		return fmt.Errorf("this server has %d instances, and %sMAX_INSTANCES allows no more", n, envPrefix)
	}
	return nil
}
