package main

import (
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/supervisor/workeruser"
)

// config is every setting of the daemon. The environment names them with the
// prefix WAM_. Flags have the same names in lower case with dashes, and win over
// the environment. deploy/docs/settings.md lists them; a test holds that page.
//
// A field's name is used in one group only: a value that cannot be read is
// reported by it.
type config struct {
	API      apiSettings
	Access   accessSettings
	Data     dataSettings
	Node     nodeSettings
	Workers  workerSettings
	WhatsApp whatsAppSettings
	Networks networkSettings
	Log      logSettings

	workerUser *workeruser.User // that WORKER_USER stands for; nil: the manager's own
}

// apiSettings are about the HTTP server.
type apiSettings struct {
	Listen         hostPort       `env:"LISTEN" envDefault:"127.0.0.1:5000" help:"address the API listens on"`
	PublicURL      webAddress     `env:"PUBLIC_URL" help:"address that users see, e.g. https://wa.example.org"`
	AllowedHosts   hostPatterns   `env:"ALLOWED_HOSTS" help:"names under which the API may be asked, beside localhost, the host of PUBLIC_URL and the address it listens on, e.g. wa.internal,*.example.org; *: any"`
	TrustedProxies []netip.Prefix `env:"TRUSTED_PROXIES" help:"networks whose X-Forwarded-For is believed, e.g. 127.0.0.1/32"`
	MaxConnections count          `env:"MAX_CONNECTIONS" envDefault:"0" help:"most connections to the API at a time; 0: half of the descriptors the process may have, at most 8192"`
	MaxPerAddress  count          `env:"MAX_CONNECTIONS_PER_ADDRESS" envDefault:"0" help:"most of them from one address (IPv6: /64), proxies in TRUSTED_PROXIES excepted; 0: half of all"`
	ManagerMemory  autoSize       `env:"MANAGER_MEMORY_LIMIT" envDefault:"auto" help:"memory the manager keeps to; requests under way hold at most half of it; auto: a quarter of the machine or container, 256MiB to 2GiB"`
	MediaBodyLimit byteSize       `env:"MEDIA_BODY_LIMIT" help:"largest body of a request that carries a file; default 32MiB, less when a worker may take little memory"`
}

// accessSettings are about users and what they may make.
type accessSettings struct {
	AdminEmail    email     `env:"ADMIN_EMAIL" envDefault:"admin@localhost" help:"first superadmin"`
	AdminPassword string    `env:"ADMIN_PASSWORD" help:"its password, 12 to 128 characters; random and printed once when empty"`
	JWTSecret     signedKey `env:"JWT_SECRET" help:"signs access tokens; generated and kept when empty"`
	Registration  bool      `env:"REGISTRATION" envDefault:"false" help:"let anybody create a user"`
	MaxInstances  count     `env:"MAX_INSTANCES" envDefault:"0" help:"most instances on this node; 0: no limit"`
	UserInstances count     `env:"MAX_INSTANCES_PER_USER" envDefault:"20" help:"most instances of each user who is no administrator, unless an administrator allows them another number; 0: no limit"`
}

// dataSettings are about what is kept, where and for how long.
type dataSettings struct {
	DataDir           string       `env:"DATA_DIR" envDefault:"./data" help:"where everything is kept"`
	DatabaseURL       postgresURL  `env:"DATABASE_URL" help:"Postgres to use; empty: a private one in the data directory"`
	WorkerDatabaseURL postgresURL  `env:"WORKER_DATABASE_URL" help:"the same database as a user made for workers; only where the user of DATABASE_URL may not create roles"`
	SecretKeyFile     string       `env:"SECRET_KEY_FILE" help:"file with the key that seals the secrets in the database; made at the first start; default: secret.key in the data directory. Keep a copy, apart from the backups of the database"`
	KeepMessages      retentionAge `env:"KEEP_MESSAGES" envDefault:"0" help:"how long messages are kept, e.g. 2160h for 90 days; starred ones always; 0: for ever"`
	KeepEvents        retentionAge `env:"KEEP_EVENTS" envDefault:"0" help:"how long events that every webhook has got are kept; 0: for ever"`
}

// nodeSettings are about this manager on this host.
type nodeSettings struct {
	NodeID string `env:"NODE_ID" envDefault:"node1" help:"name of this node; differs between installations on one host"`
	RunDir string `env:"RUN_DIR" help:"locks and sockets of the workers; default: inside the data directory, or in /var/lib/whatsapp-manager where the workers' user cannot get there"`
}

// workerSettings are about the workers' processes.
type workerSettings struct {
	WorkerBinary   string        `env:"WORKER_BINARY" help:"the worker's program; default: whatsapp-worker beside this one"`
	WorkerUser     string        `env:"WORKER_USER" help:"user, by name or number, that runs the workers when root starts the manager; default: whatsapp-worker if there is one, else a number that nobody has; root: no other user"`
	WorkerMemory   byteSize      `env:"WORKER_MEMORY_LIMIT" envDefault:"512MiB" help:"a worker above this is ended and restarted"`
	HealthInterval time.Duration `env:"HEALTH_INTERVAL" envDefault:"30s" help:"time between two looks at the workers"`
}

// whatsAppSettings are about the traffic with WhatsApp.
type whatsAppSettings struct {
	WhatsAppEndpoint standIn     `env:"WHATSAPP_ENDPOINT" help:"a stand-in on loopback; empty: the real WhatsApp"`
	DeviceName       string      `env:"DEVICE_NAME" envDefault:"WhatsApp Manager" help:"name shown in the phone's linked devices"`
	WhatsmeowMethods methodNames `env:"WHATSMEOW_METHODS" help:"methods of whatsmeow that are off and shall be callable, e.g. SendAppState; the word undecided opens those that nobody has decided about"`
	SendsPerMinute   count       `env:"SENDS_PER_MINUTE" envDefault:"20" help:"sends a minute of a new instance; 0: no limit"`
	CallsPerSecond   count       `env:"CALLS_PER_SECOND" envDefault:"200" help:"calls a second of each instance; those above it wait up to two seconds for their turn; 0: no limit"`
	InboundPerSecond autoRate    `env:"INBOUND_PER_SECOND" envDefault:"auto" help:"messages a second each instance takes from WhatsApp; more wait there, in order; auto: 50 for each core; 0: no limit"`
}

// networkSettings open internal networks for requests whose address a user chose.
type networkSettings struct {
	MediaNetworks   networks `env:"MEDIA_NETWORKS" help:"internal networks from which media may be fetched by URL, e.g. 10.0.0.0/8; public addresses always may"`
	WebhookNetworks networks `env:"WEBHOOK_NETWORKS" help:"internal networks with receivers of webhooks, e.g. 127.0.0.0/8; public addresses always may be posted to"`
}

// logSettings are about the manager's log, and how much workers say.
type logSettings struct {
	Level  zerolog.Level `env:"LOG_LEVEL" envDefault:"info" help:"trace, debug, info, warn, error"`
	Format logFormat     `env:"LOG_FORMAT" envDefault:"auto" help:"json, console, or auto (console on a terminal)"`
}
