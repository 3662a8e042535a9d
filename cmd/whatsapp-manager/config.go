package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/dustin/go-humanize"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"whatsapp-manager/api/credential"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/netguard"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workeruser"
)

// config is every setting of the daemon. The environment names them with the
// prefix WAM_; flags have the same names in lower case with dashes and win.
type config struct {
	Listen            string        `env:"LISTEN" envDefault:"127.0.0.1:5000" help:"address the API listens on"`
	DatabaseURL       string        `env:"DATABASE_URL" help:"Postgres to use; empty: a private one in the data directory"`
	WorkerDatabaseURL string        `env:"WORKER_DATABASE_URL" help:"the same database as a user made for workers; only where the user of DATABASE_URL may not create roles"`
	DataDir           string        `env:"DATA_DIR" envDefault:"./data" help:"where everything is kept"`
	SecretKeyFile     string        `env:"SECRET_KEY_FILE" help:"file with the key that seals the secrets in the database; made at the first start; default: secret.key in the data directory. Keep a copy, apart from the backups of the database"`
	RunDir            string        `env:"RUN_DIR" help:"locks and sockets of the workers; default: inside the data directory, or in /var/lib/whatsapp-manager where the workers' user cannot get there"`
	AdminEmail        string        `env:"ADMIN_EMAIL" envDefault:"admin@localhost" help:"first superadmin"`
	AdminPassword     string        `env:"ADMIN_PASSWORD" help:"its password, 12 to 128 characters; random and printed once when empty"`
	JWTSecret         string        `env:"JWT_SECRET" help:"signs access tokens; generated and kept when empty"`
	WorkerMemory      string        `env:"WORKER_MEMORY_LIMIT" envDefault:"512MiB" help:"a worker above this is ended and restarted"`
	ManagerMemory     string        `env:"MANAGER_MEMORY_LIMIT" envDefault:"auto" help:"memory the manager keeps to; requests under way hold at most half of it; auto: a quarter of the machine or container, 256MiB to 2GiB"`
	HealthInterval    time.Duration `env:"HEALTH_INTERVAL" envDefault:"30s" help:"time between two looks at the workers"`
	MaxInstances      int           `env:"MAX_INSTANCES" envDefault:"0" help:"most instances on this node; 0: no limit"`
	UserInstances     int           `env:"MAX_INSTANCES_PER_USER" envDefault:"20" help:"most instances of each user who is no administrator, unless an administrator allows them another number; 0: no limit"`
	SendsPerMinute    int           `env:"SENDS_PER_MINUTE" envDefault:"20" help:"sends a minute of a new instance; 0: no limit"`
	CallsPerSecond    int           `env:"CALLS_PER_SECOND" envDefault:"200" help:"calls a second of each instance; those above it wait up to two seconds for their turn; 0: no limit"`
	InboundPerSecond  string        `env:"INBOUND_PER_SECOND" envDefault:"auto" help:"messages a second each instance takes from WhatsApp; more wait there, in order; auto: 50 for each core; 0: no limit"`
	MaxConnections    int           `env:"MAX_CONNECTIONS" envDefault:"0" help:"most connections to the API at a time; 0: half of the descriptors the process may have, at most 8192"`
	MaxPerAddress     int           `env:"MAX_CONNECTIONS_PER_ADDRESS" envDefault:"0" help:"most of them from one address (IPv6: /64), proxies in TRUSTED_PROXIES excepted; 0: half of all"`
	Registration      bool          `env:"REGISTRATION" envDefault:"false" help:"let anybody create a user"`
	LogLevel          string        `env:"LOG_LEVEL" envDefault:"info" help:"trace, debug, info, warn, error"`
	LogFormat         string        `env:"LOG_FORMAT" envDefault:"auto" help:"json, console, or auto (console on a terminal)"`
	PublicURL         string        `env:"PUBLIC_URL" help:"address that users see, e.g. https://wa.example.org"`
	AllowedHosts      []string      `env:"ALLOWED_HOSTS" help:"names under which the API may be asked, beside localhost, the host of PUBLIC_URL and the address it listens on, e.g. wa.internal,*.example.org; *: any"`
	TrustedProxies    []string      `env:"TRUSTED_PROXIES" help:"networks whose X-Forwarded-For is believed, e.g. 127.0.0.1/32"`
	NodeID            string        `env:"NODE_ID" envDefault:"node1" help:"name of this node; differs between installations on one host"`
	WhatsAppEndpoint  string        `env:"WHATSAPP_ENDPOINT" help:"a stand-in on loopback; empty: the real WhatsApp"`
	DeviceName        string        `env:"DEVICE_NAME" envDefault:"WhatsApp Manager" help:"name shown in the phone's linked devices"`
	MediaNetworks     []string      `env:"MEDIA_NETWORKS" help:"internal networks from which media may be fetched by URL, e.g. 10.0.0.0/8; public addresses always may"`
	WebhookNetworks   []string      `env:"WEBHOOK_NETWORKS" help:"internal networks with receivers of webhooks, e.g. 127.0.0.0/8; public addresses always may be posted to"`
	MediaBodyLimit    string        `env:"MEDIA_BODY_LIMIT" help:"largest body of a request that carries a file; default 32MiB, less when a worker may take little memory"`
	WhatsmeowMethods  []string      `env:"WHATSMEOW_METHODS" help:"methods of whatsmeow that are off and shall be callable, e.g. SendAppState; the word undecided opens those that nobody has decided about"`
	KeepMessages      time.Duration `env:"KEEP_MESSAGES" envDefault:"0" help:"how long messages are kept, e.g. 2160h for 90 days; starred ones always; 0: for ever"`
	KeepEvents        time.Duration `env:"KEEP_EVENTS" envDefault:"0" help:"how long events that every webhook has got are kept; 0: for ever"`
	WorkerBinary      string        `env:"WORKER_BINARY" help:"the worker's program; default: whatsapp-worker beside this one"`
	WorkerUser        string        `env:"WORKER_USER" help:"user, by name or number, that runs the workers when root starts the manager; default: whatsapp-worker if there is one, else a number that nobody has; root: no other user"`

	workerUser      *workeruser.User
	memoryLimit     uint64
	webhookNetworks []netip.Prefix
	mediaBody       uint64
	managerMemory   uint64
	inbound         int
	logLevel        zerolog.Level
}

// inboundPerCore keeps what a flood into one instance takes of the machine, in
// all processes, near a third: a message costs 3 to 4 ms of a core.
const inboundPerCore = 50

const envPrefix = "WAM_"

// loadConfig reads the environment, then the flags that were given. An error
// names the setting.
func loadConfig(flags *pflag.FlagSet, environ []string) (config, error) {
	vars := map[string]string{}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok {
			vars[name] = value
		}
	}
	flags.Visit(func(f *pflag.Flag) {
		if _, ok := settingOf(f.Name); ok {
			vars[envName(f.Name)] = f.Value.String()
		}
	})
	var c config
	if err := env.ParseWithOptions(&c, env.Options{Prefix: envPrefix, Environment: vars}); err != nil {
		return config{}, fmt.Errorf("read settings: %w", err)
	}
	return c, c.check()
}

func (c *config) check() error {
	wrong := func(setting, format string, args ...any) error {
		return fmt.Errorf("setting %s%s: %s", envPrefix, setting, fmt.Sprintf(format, args...))
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return wrong("LISTEN", "%q is not host:port", c.Listen)
	}
	limit, err := humanize.ParseBytes(c.WorkerMemory)
	if err != nil || limit < 64<<20 {
		return wrong("WORKER_MEMORY_LIMIT", "%q is not a size of at least 64MiB", c.WorkerMemory)
	}
	c.memoryLimit = limit
	// A worker holds a file several times while it is decoded and encrypted.
	c.mediaBody = min(32<<20, limit/8)
	if c.MediaBodyLimit != "" {
		if c.mediaBody, err = humanize.ParseBytes(c.MediaBodyLimit); err != nil || c.mediaBody < 1<<20 || c.mediaBody > 64<<20 || c.mediaBody > limit/8 {
			return wrong("MEDIA_BODY_LIMIT", "%q is not a size from 1MiB to 64MiB that is below an eighth of WORKER_MEMORY_LIMIT", c.MediaBodyLimit)
		}
	}
	c.managerMemory = derivedMemory(machineMemory(), c.mediaBody)
	if c.ManagerMemory != "auto" {
		if c.managerMemory, err = humanize.ParseBytes(c.ManagerMemory); err != nil || c.managerMemory < max(leastManagerMemory, bodiesInMemory*c.mediaBody) {
			return wrong("MANAGER_MEMORY_LIMIT", "%q is neither auto nor a size of at least %s", c.ManagerMemory, humanize.IBytes(max(leastManagerMemory, bodiesInMemory*c.mediaBody)))
		}
	}
	for name, n := range map[string]int{"MAX_CONNECTIONS": c.MaxConnections, "MAX_CONNECTIONS_PER_ADDRESS": c.MaxPerAddress} {
		if n < 0 {
			return wrong(name, "%d is negative", n)
		}
	}
	for name, d := range map[string]time.Duration{"KEEP_MESSAGES": c.KeepMessages, "KEEP_EVENTS": c.KeepEvents} {
		if d != 0 && d < time.Hour {
			return wrong(name, "%s is less than an hour", d)
		}
	}
	if _, err := netguard.Networks(c.MediaNetworks); err != nil {
		return wrong("MEDIA_NETWORKS", "%v", err)
	}
	if c.webhookNetworks, err = netguard.Networks(c.WebhookNetworks); err != nil {
		return wrong("WEBHOOK_NETWORKS", "%v", err)
	}
	if err := catalog.CheckOpened(c.WhatsmeowMethods); err != nil {
		return wrong("WHATSMEOW_METHODS", "%v", err)
	}
	if c.workerUser, err = workeruser.Choose(c.WorkerUser); err != nil {
		return wrong("WORKER_USER", "%v", err)
	}
	if c.HealthInterval < time.Second {
		return wrong("HEALTH_INTERVAL", "%s is less than a second", c.HealthInterval)
	}
	if c.MaxInstances < 0 {
		return wrong("MAX_INSTANCES", "%d is negative", c.MaxInstances)
	}
	if c.UserInstances < 0 {
		return wrong("MAX_INSTANCES_PER_USER", "%d is negative", c.UserInstances)
	}
	for _, host := range c.AllowedHosts {
		if host == "" || strings.ContainsAny(host, "/: ") || strings.Contains(strings.TrimPrefix(host, "*"), "*") {
			return wrong("ALLOWED_HOSTS", "%q is not a name like wa.example.org or *.example.org, without scheme and port", host)
		}
	}
	if c.CallsPerSecond < 0 {
		return wrong("CALLS_PER_SECOND", "%d is negative", c.CallsPerSecond)
	}
	if c.InboundPerSecond == "auto" {
		c.inbound = inboundPerCore * runtime.NumCPU()
	} else if n, err := strconv.ParseUint(c.InboundPerSecond, 10, 20); err == nil {
		c.inbound = int(n)
	} else {
		return wrong("INBOUND_PER_SECOND", "%q is not a number up to a million, nor auto", c.InboundPerSecond)
	}
	if c.SendsPerMinute < 0 {
		return wrong("SENDS_PER_MINUTE", "%d is negative", c.SendsPerMinute)
	}
	if c.logLevel, err = zerolog.ParseLevel(c.LogLevel); err != nil {
		return wrong("LOG_LEVEL", "%q is not a level", c.LogLevel)
	}
	switch c.LogFormat {
	case "auto", "json", "console":
	default:
		return wrong("LOG_FORMAT", "%q is not json, console or auto", c.LogFormat)
	}
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" {
			return wrong("PUBLIC_URL", "%q is not an address", c.PublicURL)
		}
	}
	for _, network := range c.TrustedProxies {
		if _, _, err := net.ParseCIDR(network); err != nil {
			return wrong("TRUSTED_PROXIES", "%q is not a network like 10.0.0.0/8", network)
		}
	}
	if !strings.Contains(c.AdminEmail, "@") {
		return wrong("ADMIN_EMAIL", "%q is not an e-mail address", c.AdminEmail)
	}
	if c.AdminPassword != "" {
		if err := credential.CheckChoice(c.AdminPassword, c.AdminEmail); err != nil {
			return wrong("ADMIN_PASSWORD", "the password %v", err)
		}
	}
	if c.JWTSecret != "" && len(c.JWTSecret) < 32 {
		return wrong("JWT_SECRET", "shorter than 32 characters")
	}
	if c.DatabaseURL != "" {
		if u, err := url.Parse(c.DatabaseURL); err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
			return wrong("DATABASE_URL", "not a postgres:// address")
		}
	}
	if c.WorkerDatabaseURL != "" {
		if u, err := url.Parse(c.WorkerDatabaseURL); err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
			return wrong("WORKER_DATABASE_URL", "not a postgres:// address")
		}
		if c.DatabaseURL == "" {
			return wrong("WORKER_DATABASE_URL", "is for a Postgres of your own, which DATABASE_URL names")
		}
	}
	if c.WhatsAppEndpoint != "" {
		if err := checkEndpoint(c.WhatsAppEndpoint); err != nil {
			return wrong("WHATSAPP_ENDPOINT", "%v", err)
		}
	}
	if c.DataDir, err = filepath.Abs(c.DataDir); err != nil {
		return wrong("DATA_DIR", "%v", err)
	}
	if c.SecretKeyFile == "" {
		c.SecretKeyFile = keyFile(c.DataDir)
	} else if c.SecretKeyFile, err = filepath.Abs(c.SecretKeyFile); err != nil {
		return wrong("SECRET_KEY_FILE", "%v", err)
	}
	if c.RunDir == "" {
		c.RunDir = c.defaultRunDir()
	} else if c.RunDir, err = filepath.Abs(c.RunDir); err != nil {
		return wrong("RUN_DIR", "%v", err)
	}
	if len(c.RunDir) > longestRunDir {
		return wrong("RUN_DIR", "longer than %d characters: the sockets in it would have paths that the kernel refuses", longestRunDir)
	}
	if c.WorkerBinary == "" {
		self, err := os.Executable()
		if err != nil {
			return wrong("WORKER_BINARY", "cannot tell where this program is: %v", err)
		}
		c.WorkerBinary = filepath.Join(filepath.Dir(self), "whatsapp-worker")
	}
	if c.WorkerBinary, err = filepath.Abs(c.WorkerBinary); err != nil {
		return wrong("WORKER_BINARY", "%v", err)
	}
	return nil
}

// fallbackDir holds the run directory of a manager that root started, where the
// workers' user cannot get to the data directory, for example below /root.
const fallbackDir = "/var/lib/whatsapp-manager"

// defaultRunDir is inside the data directory, unless the workers' user cannot
// get there. One that a manager has used already stays: its workers are there.
func (c config) defaultRunDir() string {
	inside := filepath.Join(c.DataDir, "run")
	dir := shortDir(inside)
	if c.workerUser == nil {
		return dir
	}
	parent := filepath.Dir(dir)
	for {
		if _, err := os.Stat(parent); err == nil || parent == "/" {
			break
		}
		parent = filepath.Dir(parent)
	}
	if c.workerUser.CanEnter(parent) == nil {
		return dir
	}
	if _, err := os.Stat(filepath.Join(dir, workerv1.ManagerLock)); err == nil {
		return dir
	}
	sum := sha256.Sum256([]byte(inside))
	return filepath.Join(fallbackDir, "run-"+hex.EncodeToString(sum[:6]))
}

// longestRunDir leaves room for /<instance id>/plugin<number> within the 107
// bytes of a unix socket's path.
const longestRunDir = 70

// shortDir returns dir, or a directory of the same meaning with a short path
// when dir is too long for sockets. It must outlive a restart of the manager,
// and be the same after it.
func shortDir(dir string) string {
	if len(dir) <= longestRunDir {
		return dir
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join("/var/tmp", fmt.Sprintf("wam-%d-%s", os.Getuid(), hex.EncodeToString(sum[:6])))
}

func checkEndpoint(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("not an http:// or https:// address")
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("a stand-in for WhatsApp must be on a loopback address")
	}
	root, err := hex.DecodeString(u.Query().Get("noise"))
	if err != nil || len(root) != 32 {
		return fmt.Errorf("noise= must be 32 bytes in hex")
	}
	if u.Scheme == "https" {
		if pin, err := hex.DecodeString(u.Query().Get("pin")); err != nil || len(pin) != 32 {
			return fmt.Errorf("pin= must be a SHA-256 in hex")
		}
	}
	return nil
}

// addFlags registers one flag per setting.
func addFlags(flags *pflag.FlagSet) {
	for field := range settings() {
		name := strings.ToLower(strings.ReplaceAll(field.Tag.Get("env"), "_", "-"))
		flags.String(name, field.Tag.Get("envDefault"), field.Tag.Get("help"))
	}
}

func settings() func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		t := reflect.TypeFor[config]()
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("env") != "" && !yield(f) {
				return
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

func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func (c config) logger(out *os.File) zerolog.Logger {
	var w io.Writer = out
	if c.LogFormat == "console" || (c.LogFormat == "auto" && isTerminal(out)) {
		w = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly}
	}
	return zerolog.New(w).Level(c.logLevel).With().Timestamp().Logger()
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
