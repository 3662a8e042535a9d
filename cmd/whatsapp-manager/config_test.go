package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

func load(t *testing.T, args []string, environ ...string) (config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	addFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return loadConfig(flags, environ)
}

func TestNothingConfiguredIsEnough(t *testing.T) {
	c, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.API.Listen != "127.0.0.1:5000" || c.Workers.WorkerMemory != 512<<20 || c.WhatsApp.SendsPerMinute != 20 ||
		!strings.HasSuffix(c.Data.DataDir, "/data") || c.Access.UserInstances != 20 {
		t.Errorf("defaults: %+v", c)
	}
}

func TestFlagsWinOverTheEnvironment(t *testing.T) {
	c, err := load(t, []string{"--listen", "127.0.0.1:7000"}, "WAM_LISTEN=127.0.0.1:6000", "WAM_LOG_LEVEL=warn")
	if err != nil {
		t.Fatal(err)
	}
	if c.API.Listen != "127.0.0.1:7000" || zerolog.Level(c.Log.Level) != zerolog.WarnLevel {
		t.Errorf("got listen %s, level %s", c.API.Listen, zerolog.Level(c.Log.Level))
	}
}

func TestAWrongValueStopsTheStartWithTheNameOfTheSetting(t *testing.T) {
	noise := strings.Repeat("ab", 32)
	for _, setting := range []string{
		"WAM_LISTEN=5000",
		"WAM_WORKER_MEMORY_LIMIT=much", "WAM_WORKER_MEMORY_LIMIT=1MiB",
		"WAM_HEALTH_INTERVAL=soon", "WAM_HEALTH_INTERVAL=1ms",
		"WAM_MAX_INSTANCES=-1", "WAM_MAX_INSTANCES=many", "WAM_MAX_INSTANCES_PER_USER=-1",
		"WAM_SENDS_PER_MINUTE=-2", "WAM_SENDS_PER_MINUTE=2147483648", "WAM_CALLS_PER_SECOND=-1",
		"WAM_INBOUND_PER_SECOND=-1", "WAM_INBOUND_PER_SECOND=some",
		"WAM_LOG_LEVEL=loud", "WAM_LOG_FORMAT=xml",
		"WAM_WORKER_USER=there is no such user",
		"WAM_MANAGER_MEMORY_LIMIT=little", "WAM_MANAGER_MEMORY_LIMIT=100MiB",
		"WAM_MEDIA_BODY_LIMIT=0", "WAM_MEDIA_BODY_LIMIT=much", "WAM_MEDIA_BODY_LIMIT=1KiB", "WAM_MEDIA_BODY_LIMIT=65MiB",
		"WAM_MAX_CONNECTIONS=-1", "WAM_MAX_CONNECTIONS=all", "WAM_MAX_CONNECTIONS_PER_ADDRESS=-1",
		"WAM_PUBLIC_URL=here", "WAM_TRUSTED_PROXIES=localhost", "WAM_TRUSTED_PROXIES=10.0.0.1",
		"WAM_TRUSTED_PROXIES=10.0.0.0/8,",
		"WAM_ADMIN_PASSWORD=short", "WAM_ADMIN_PASSWORD=elevenchars", "WAM_ADMIN_PASSWORD=password1234",
		"WAM_ADMIN_PASSWORD=admin@localhost", "WAM_ADMIN_EMAIL=me", "WAM_JWT_SECRET=abc", "WAM_REGISTRATION=perhaps",
		"WAM_ALLOWED_HOSTS=https://wa.example.org", "WAM_ALLOWED_HOSTS=a.*.org",
		"WAM_MEDIA_NETWORKS=10.0.0.0/33", "WAM_WEBHOOK_NETWORKS=localhost",
		"WAM_WHATSMEOW_METHODS=SendAppState,SendNothing", "WAM_WHATSMEOW_METHODS=StoreLIDPNMapping",
		"WAM_WHATSMEOW_METHODS=" + strings.Repeat("SendAppState,", 24) + "MarkNotDirty",
		"WAM_KEEP_MESSAGES=5m", "WAM_KEEP_EVENTS=-1h",
		"WAM_DATABASE_URL=mysql://x", "WAM_WORKER_DATABASE_URL=mysql://x", "WAM_WORKER_DATABASE_URL=postgres://x/y",
		"WAM_RUN_DIR=/" + strings.Repeat("x", 90),
		"WAM_WHATSAPP_ENDPOINT=ws://127.0.0.1/", "WAM_WHATSAPP_ENDPOINT=http://10.0.0.1:1/?noise=" + noise,
		"WAM_WHATSAPP_ENDPOINT=http://127.0.0.1:1/?noise=abcd", "WAM_WHATSAPP_ENDPOINT=https://127.0.0.1:1/?noise=" + noise,
	} {
		t.Run(setting, func(t *testing.T) {
			name, _, _ := strings.Cut(setting, "=")
			_, err := load(t, nil, setting)
			if err == nil {
				t.Fatal("it was accepted")
			}
			text := err.Error()
			if !strings.HasPrefix(text, "setting "+name+": ") {
				t.Errorf("the error does not name the setting: %v", err)
			}
			for _, ofALibrary := range []string{"strconv", "netip", "NoLevel"} {
				if strings.Contains(text, ofALibrary) {
					t.Errorf("the error speaks of %s: %v", ofALibrary, err)
				}
			}
		})
	}
}

// A value that may hold a secret stays out of the error, which goes to logs.
func TestAWrongSecretIsNotRepeated(t *testing.T) {
	for _, setting := range []string{
		"WAM_DATABASE_URL=mysql://me:abcdef@x", "WAM_WORKER_DATABASE_URL=mysql://me:abcdef@x",
		"WAM_ADMIN_PASSWORD=abcdef", "WAM_JWT_SECRET=abcdef",
	} {
		t.Run(setting, func(t *testing.T) {
			if _, err := load(t, nil, setting); err == nil || strings.Contains(err.Error(), "abcdef") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestAllWrongSettingsAreToldAtOnce(t *testing.T) {
	_, err := load(t, nil, "WAM_LISTEN=5000", "WAM_LOG_LEVEL=loud", "WAM_LISTN=127.0.0.1:1")
	if err == nil {
		t.Fatal("they were accepted")
	}
	for _, part := range []string{"setting WAM_LISTEN: ", "setting WAM_LOG_LEVEL: ", "there is no setting WAM_LISTN"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
}

func TestASettingThatDoesNotExistIsRefused(t *testing.T) {
	for _, tc := range []struct{ name, setting, want string }{
		{"a slip of the finger", "WAM_LISTN=127.0.0.1:1", "there is no setting WAM_LISTN; did you mean WAM_LISTEN?"},
		{"nothing like it", "WAM_SOMETHING_ELSE_ALTOGETHER=1", "there is no setting WAM_SOMETHING_ELSE_ALTOGETHER"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := load(t, nil, tc.setting); err == nil || err.Error() != tc.want {
				t.Errorf("error %v, want %s", err, tc.want)
			}
		})
	}
	if _, err := load(t, nil, "PATH=/bin", "WAMPUM=1", listenerEnv+"=3 127.0.0.1:5000", passphraseEnv+"=p"); err != nil {
		t.Errorf("what is no setting of ours was refused: %v", err)
	}
}

// An error names a setting by the field that holds it.
func TestNoTwoSettingsShareANameOrAField(t *testing.T) {
	names, fields := map[string]bool{}, map[string]bool{}
	for field := range settings() {
		name := field.Tag.Get("env")
		if name == "" || names[name] || fields[field.Name] {
			t.Errorf("field %s, setting %q", field.Name, name)
		}
		if help[name] == "" {
			t.Errorf("%s has no help", name)
		}
		names[name], fields[field.Name] = true, true
	}
	for name := range help {
		if !names[name] {
			t.Errorf("there is help for %s, which is no setting", name)
		}
	}
}

// The page of the settings is held against the fields: every name, once, with
// its default.
func TestThePageOfTheSettingsIsCurrent(t *testing.T) {
	page, err := os.ReadFile("../../deploy/docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(WAM_[A-Z_]+)` \\| (?:`([^`]*)` )?\\| [^|]+ \\|$").FindAllStringSubmatch(string(page), -1) {
		if _, twice := told[row[1]]; twice {
			t.Errorf("%s has two rows", row[1])
		}
		told[row[1]] = row[2]
	}
	for field := range settings() {
		name := envPrefix + field.Tag.Get("env")
		got, ok := told[name]
		if want := field.Tag.Get("envDefault"); !ok || got != want {
			t.Errorf("%s: default on the page %q (row %t), want %q", name, got, ok, want)
		}
		delete(told, name)
	}
	for name := range told {
		t.Errorf("%s is on the page and no setting", name)
	}
}

func TestALongDataDirectoryGetsAShortRunDirectory(t *testing.T) {
	c, err := load(t, []string{"--data-dir", "/srv/" + strings.Repeat("d", 100)})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Node.RunDir) > longestRunDir {
		t.Errorf("run directory %q is too long for sockets", c.Node.RunDir)
	}
	again, err := load(t, []string{"--data-dir", "/srv/" + strings.Repeat("d", 100)})
	if err != nil || again.Node.RunDir != c.Node.RunDir {
		t.Errorf("the run directory changed from %q to %q (%v): live workers would be lost", c.Node.RunDir, again.Node.RunDir, err)
	}
}

// Where root starts the manager, the workers' user has to get to the run directory.
func TestTheRunDirectoryIsWhereTheWorkersUserGets(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root runs workers as another user")
	}
	open, err := os.MkdirTemp("", "wam")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(open) })
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	closed, used := filepath.Join(open, "closed"), filepath.Join(open, "used")
	for _, dir := range []string{closed, used} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(used, "data", "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(used, "data", "run", workerv1.ManagerLock), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		why, data, user, want string
	}{
		{"it gets there", filepath.Join(open, "data"), "", filepath.Join(open, "data", "run")},
		{"it does not", filepath.Join(closed, "data"), "", fallbackDir + "/run-"},
		{"it does not, and need not", filepath.Join(closed, "data"), "root", filepath.Join(closed, "data", "run")},
		{"a manager was there before", filepath.Join(used, "data"), "", filepath.Join(used, "data", "run")},
	} {
		t.Run(tc.why, func(t *testing.T) {
			c, err := load(t, nil, "WAM_DATA_DIR="+tc.data, "WAM_WORKER_USER="+tc.user)
			if err != nil || !strings.HasPrefix(c.Node.RunDir, tc.want) {
				t.Errorf("run directory %s, %v", c.Node.RunDir, err)
			}
			again, err := load(t, nil, "WAM_DATA_DIR="+tc.data, "WAM_WORKER_USER="+tc.user)
			if err != nil || again.Node.RunDir != c.Node.RunDir {
				t.Errorf("the next time it is %s, %v", again.Node.RunDir, err)
			}
		})
	}
}
