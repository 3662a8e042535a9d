package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	if c.Listen != "127.0.0.1:5000" || c.memoryLimit != 512<<20 || c.SendsPerMinute != 20 || !strings.HasSuffix(c.DataDir, "/data") || c.UserInstances != 20 {
		t.Errorf("defaults: %+v", c)
	}
}

func TestFlagsWinOverTheEnvironment(t *testing.T) {
	c, err := load(t, []string{"--listen", "127.0.0.1:7000"}, "WAM_LISTEN=127.0.0.1:6000", "WAM_LOG_LEVEL=warn")
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:7000" || c.LogLevel != "warn" {
		t.Errorf("got listen %s, level %s", c.Listen, c.LogLevel)
	}
}

func TestAWrongValueStopsTheStartWithTheNameOfTheSetting(t *testing.T) {
	noise := strings.Repeat("ab", 32)
	for _, setting := range []string{
		"WAM_LISTEN=5000", "WAM_WORKER_MEMORY_LIMIT=much", "WAM_WORKER_MEMORY_LIMIT=1MiB", "WAM_HEALTH_INTERVAL=soon", "WAM_HEALTH_INTERVAL=1ms",
		"WAM_MAX_INSTANCES=-1", "WAM_MAX_INSTANCES=many", "WAM_SENDS_PER_MINUTE=-2", "WAM_CALLS_PER_SECOND=-1", "WAM_INBOUND_PER_SECOND=-1", "WAM_INBOUND_PER_SECOND=some", "WAM_LOG_LEVEL=loud", "WAM_WORKER_USER=there is no such user", "WAM_LOG_FORMAT=xml",
		"WAM_MANAGER_MEMORY_LIMIT=little", "WAM_MANAGER_MEMORY_LIMIT=100MiB", "WAM_MAX_CONNECTIONS=-1", "WAM_MAX_CONNECTIONS=all", "WAM_MAX_CONNECTIONS_PER_ADDRESS=-1",
		"WAM_PUBLIC_URL=here", "WAM_TRUSTED_PROXIES=localhost", "WAM_ADMIN_PASSWORD=short", "WAM_ADMIN_PASSWORD=elevenchars", "WAM_ADMIN_PASSWORD=password1234", "WAM_ADMIN_PASSWORD=admin@localhost", "WAM_MAX_INSTANCES_PER_USER=-1", "WAM_ALLOWED_HOSTS=https://wa.example.org", "WAM_ALLOWED_HOSTS=a.*.org", "WAM_ADMIN_EMAIL=me", "WAM_JWT_SECRET=abc",
		"WAM_MEDIA_NETWORKS=10.0.0.0/33", "WAM_WHATSMEOW_METHODS=SendAppState,SendNothing", "WAM_WHATSMEOW_METHODS=StoreLIDPNMapping", "WAM_WHATSMEOW_METHODS=" + strings.Repeat("SendAppState,", 24) + "MarkNotDirty", "WAM_WEBHOOK_NETWORKS=localhost", "WAM_DATABASE_URL=mysql://x", "WAM_RUN_DIR=/" + strings.Repeat("x", 90),
		"WAM_WHATSAPP_ENDPOINT=ws://127.0.0.1/", "WAM_WHATSAPP_ENDPOINT=http://10.0.0.1:1/?noise=" + noise,
		"WAM_WHATSAPP_ENDPOINT=http://127.0.0.1:1/?noise=abcd", "WAM_WHATSAPP_ENDPOINT=https://127.0.0.1:1/?noise=" + noise,
	} {
		name, _, _ := strings.Cut(strings.TrimPrefix(setting, envPrefix), "=")
		_, err := load(t, nil, setting)
		if err == nil {
			t.Errorf("%s was accepted", setting)
			continue
		}
		if text := err.Error(); !strings.Contains(text, name) && !strings.Contains(text, strings.ReplaceAll(fieldOf(name), "_", "")) {
			t.Errorf("%s: the error does not name the setting: %v", setting, err)
		}
	}
}

// fieldOf gives the name by which the env library reports a value it could not parse.
func fieldOf(setting string) string {
	for field := range settings() {
		if field.Tag.Get("env") == setting {
			return field.Name
		}
	}
	return "?"
}

func TestALongDataDirectoryGetsAShortRunDirectory(t *testing.T) {
	c, err := load(t, []string{"--data-dir", "/srv/" + strings.Repeat("d", 100)})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.RunDir) > longestRunDir {
		t.Errorf("run directory %q is too long for sockets", c.RunDir)
	}
	again, err := load(t, []string{"--data-dir", "/srv/" + strings.Repeat("d", 100)})
	if err != nil || again.RunDir != c.RunDir {
		t.Errorf("the run directory changed from %q to %q (%v): live workers would be lost", c.RunDir, again.RunDir, err)
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
			if err != nil || !strings.HasPrefix(c.RunDir, tc.want) {
				t.Errorf("run directory %s, %v", c.RunDir, err)
			}
			again, err := load(t, nil, "WAM_DATA_DIR="+tc.data, "WAM_WORKER_USER="+tc.user)
			if err != nil || again.RunDir != c.RunDir {
				t.Errorf("the next time it is %s, %v", again.RunDir, err)
			}
		})
	}
}
