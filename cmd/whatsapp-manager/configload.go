package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/spf13/pflag"

	"whatsapp-manager/api/credential"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/supervisor/workeruser"
)

const envPrefix = "WAM_"

// loadConfig reads the environment, then the flags that were given. An error
// names the setting, and so does one for a setting that does not exist.
func loadConfig(flags *pflag.FlagSet, environ []string) (config, error) {
	vars := env.ToMap(environ)
	flags.Visit(func(f *pflag.Flag) {
		if _, ok := settingOf(f.Name); ok {
			vars[envName(f.Name)] = f.Value.String()
		}
	})
	var c config
	err := env.ParseWithOptions(&c, env.Options{Prefix: envPrefix, Environment: vars})
	if err := errors.Join(refuseUnknown(vars), nameSettings(err)); err != nil {
		return config{}, err
	}
	return c, c.complete()
}

// wrongSetting is the error for a value that is not taken.
func wrongSetting(name, format string, args ...any) error {
	return fmt.Errorf("setting %s%s: %w", envPrefix, name, fmt.Errorf(format, args...))
}

// notSettings have our prefix, too: what a manager leaves to its successor, and what
// the commands about single instances read.
var notSettings = []string{listenerEnv, passphraseEnv}

// refuseUnknown finds variables with our prefix that are no setting. One that is
// written wrong would else be without effect, and nobody would notice.
func refuseUnknown(vars map[string]string) error {
	var known []string
	for field := range settings() {
		known = append(known, envPrefix+field.Tag.Get("env"))
	}
	var errs []error
	for name := range vars {
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(notSettings, name) || slices.Contains(known, name) {
			continue
		}
		text := fmt.Sprintf("there is no setting %s", name)
		if like := catalog.Suggest(name, known); len(like) > 0 {
			text += "; did you mean " + strings.Join(like, " or ") + "?"
		}
		errs = append(errs, errors.New(text))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// nameSettings gives the errors of the env library the names that people use.
func nameSettings(err error) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return err
	}
	var errs []error
	for _, err := range all.Errors {
		if parse, ok := errors.AsType[env.ParseError](err); ok {
			err = wrongSetting(settingOfField(parse.Name), "%w", plainly(parse.Err))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// plainly says what is wrong with a value without the names of Go's functions.
func plainly(err error) error {
	if number, ok := errors.AsType[*strconv.NumError](err); ok {
		return fmt.Errorf("%q: %w", number.Num, number.Err)
	}
	return err
}

// complete checks what more than one setting decides, and fills in what depends
// on the machine.
func (c *config) complete() error {
	if err := errors.Join(c.checkWorkers(), c.checkMemory(), c.checkAccess()); err != nil {
		return err
	}
	if c.Data.WorkerDatabaseURL != "" && c.Data.DatabaseURL == "" {
		return wrongSetting("WORKER_DATABASE_URL", "is for a Postgres of your own, which DATABASE_URL names")
	}
	return c.resolvePaths()
}

func (c *config) checkWorkers() (err error) {
	if c.Workers.WorkerMemory < leastWorkerMemory {
		return wrongSetting("WORKER_MEMORY_LIMIT", "%q is not a size of at least 64MiB", c.Workers.WorkerMemory)
	}
	if c.Workers.MaxFile < 1<<20 || c.Workers.MaxFile > mostFile {
		return wrongSetting("MAX_FILE_SIZE", "%q is not a size from 1MiB to 2GiB", c.Workers.MaxFile)
	}
	if c.Workers.HealthInterval < time.Second {
		return wrongSetting("HEALTH_INTERVAL", "%s is less than a second", c.Workers.HealthInterval)
	}
	if c.workerUser, err = workeruser.Choose(c.Workers.WorkerUser); err != nil {
		return wrongSetting("WORKER_USER", "%w", err)
	}
	return nil
}

func (c *config) checkMemory() error {
	most := min(mostMediaBody, c.Workers.WorkerMemory/bodiesInWorker)
	if c.API.MediaBodyLimit == 0 {
		c.API.MediaBodyLimit = min(usualMediaBody, most)
	} else if c.API.MediaBodyLimit < 1<<20 || c.API.MediaBodyLimit > most {
		return wrongSetting("MEDIA_BODY_LIMIT",
			"%q is not a size from 1MiB to 64MiB that is at most an eighth of WORKER_MEMORY_LIMIT", c.API.MediaBodyLimit)
	}
	limit, body := &c.API.ManagerMemory, uint64(c.API.MediaBodyLimit)
	least := byteSize(max(leastManagerMemory, bodiesInMemory*body))
	if limit.auto {
		limit.size = byteSize(derivedMemory(machineMemory(), body))
	} else if limit.size < least {
		return wrongSetting("MANAGER_MEMORY_LIMIT", "%q is neither auto nor a size of at least %s", limit.size, least)
	}
	return nil
}

func (c *config) checkAccess() error {
	if c.Access.AdminPassword == "" {
		return nil
	}
	if err := credential.CheckChoice(c.Access.AdminPassword, string(c.Access.AdminEmail)); err != nil {
		return wrongSetting("ADMIN_PASSWORD", "the password %w", err)
	}
	return nil
}

// resolvePaths fills in the paths that were not given and makes all of them
// absolute.
func (c *config) resolvePaths() (err error) {
	if c.Data.DataDir, err = filepath.Abs(c.Data.DataDir); err != nil {
		return wrongSetting("DATA_DIR", "%w", err)
	}
	if c.Data.SecretKeyFile == "" {
		c.Data.SecretKeyFile = keyFile(c.Data.DataDir)
	}
	if c.Node.RunDir == "" {
		c.Node.RunDir = defaultRunDir(c.Data.DataDir, c.workerUser)
	}
	if c.Workers.WorkerBinary == "" {
		if c.Workers.WorkerBinary, err = besideThisProgram("whatsapp-worker"); err != nil {
			return wrongSetting("WORKER_BINARY", "%w", err)
		}
	}
	for name, path := range map[string]*string{
		"SECRET_KEY_FILE": &c.Data.SecretKeyFile, "RUN_DIR": &c.Node.RunDir, "WORKER_BINARY": &c.Workers.WorkerBinary,
	} {
		if *path, err = filepath.Abs(*path); err != nil {
			return wrongSetting(name, "%w", err)
		}
	}
	if len(c.Node.RunDir) > longestRunDir {
		return wrongSetting("RUN_DIR",
			"longer than %d characters: the sockets in it would have paths that the kernel refuses", longestRunDir)
	}
	return nil
}

// besideThisProgram is the path of another program of the same installation.
func besideThisProgram(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot tell where this program is: %w", err)
	}
	return filepath.Join(filepath.Dir(self), name), nil
}

// addFlags registers one flag per setting.
func addFlags(flags *pflag.FlagSet) {
	for field := range settings() {
		name := strings.ToLower(strings.ReplaceAll(field.Tag.Get("env"), "_", "-"))
		flags.String(name, field.Tag.Get("envDefault"), help[field.Tag.Get("env")])
	}
}

// settings are the fields of config's groups, in order.
func settings() func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for _, group := range reflect.VisibleFields(reflect.TypeFor[config]()) {
			if !group.IsExported() {
				continue
			}
			for _, f := range reflect.VisibleFields(group.Type) {
				if !yield(f) {
					return
				}
			}
		}
	}
}

func settingOf(flag string) (reflect.StructField, bool) {
	for field := range settings() {
		if envPrefix+field.Tag.Get("env") == envName(flag) {
			return field, true
		}
	}
	return reflect.StructField{}, false
}

func settingOfField(name string) string {
	for field := range settings() {
		if field.Name == name {
			return field.Tag.Get("env")
		}
	}
	return name
}

func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
