package main

import (
	"time"

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
	Listen         hostPort     `env:"LISTEN" envDefault:"127.0.0.1:5000"`
	PublicURL      webAddress   `env:"PUBLIC_URL"`
	AllowedHosts   hostPatterns `env:"ALLOWED_HOSTS"`
	TrustedProxies proxies      `env:"TRUSTED_PROXIES"`
	MaxConnections count        `env:"MAX_CONNECTIONS" envDefault:"0"`
	MaxPerAddress  count        `env:"MAX_CONNECTIONS_PER_ADDRESS" envDefault:"0"`
	ManagerMemory  autoSize     `env:"MANAGER_MEMORY_LIMIT" envDefault:"auto"`
	MediaBodyLimit byteSize     `env:"MEDIA_BODY_LIMIT"`
}

// accessSettings are about users and what they may make.
type accessSettings struct {
	AdminEmail    email     `env:"ADMIN_EMAIL" envDefault:"admin@localhost"`
	AdminPassword string    `env:"ADMIN_PASSWORD"`
	JWTSecret     signedKey `env:"JWT_SECRET"`
	Registration  bool      `env:"REGISTRATION" envDefault:"false"`
	MaxInstances  count     `env:"MAX_INSTANCES" envDefault:"0"`
	UserInstances count     `env:"MAX_INSTANCES_PER_USER" envDefault:"20"`
}

// dataSettings are about what is kept, where and for how long.
type dataSettings struct {
	DataDir           string       `env:"DATA_DIR" envDefault:"./data"`
	DatabaseURL       postgresURL  `env:"DATABASE_URL"`
	WorkerDatabaseURL postgresURL  `env:"WORKER_DATABASE_URL"`
	SecretKeyFile     string       `env:"SECRET_KEY_FILE"`
	KeepMessages      retentionAge `env:"KEEP_MESSAGES" envDefault:"0"`
	KeepEvents        retentionAge `env:"KEEP_EVENTS" envDefault:"0"`
}

// nodeSettings are about this manager on this host.
type nodeSettings struct {
	NodeID string `env:"NODE_ID" envDefault:"node1"`
	RunDir string `env:"RUN_DIR"`
}

// workerSettings are about the workers' processes.
type workerSettings struct {
	WorkerBinary   string        `env:"WORKER_BINARY"`
	WorkerUser     string        `env:"WORKER_USER"`
	WorkerMemory   byteSize      `env:"WORKER_MEMORY_LIMIT" envDefault:"512MiB"`
	MaxFile        byteSize      `env:"MAX_FILE_SIZE" envDefault:"2GiB"`
	HealthInterval time.Duration `env:"HEALTH_INTERVAL" envDefault:"30s"`
}

// whatsAppSettings are about the traffic with WhatsApp.
type whatsAppSettings struct {
	WhatsAppEndpoint standIn     `env:"WHATSAPP_ENDPOINT"`
	DeviceName       string      `env:"DEVICE_NAME" envDefault:"WhatsApp Manager"`
	WhatsmeowMethods methodNames `env:"WHATSMEOW_METHODS"`
	SendsPerMinute   count       `env:"SENDS_PER_MINUTE" envDefault:"20"`
	CallsPerSecond   count       `env:"CALLS_PER_SECOND" envDefault:"200"`
	InboundPerSecond autoRate    `env:"INBOUND_PER_SECOND" envDefault:"auto"`
}

// networkSettings open internal networks for requests whose address a user chose.
type networkSettings struct {
	MediaNetworks   networks `env:"MEDIA_NETWORKS"`
	WebhookNetworks networks `env:"WEBHOOK_NETWORKS"`
}

// logSettings are about the manager's log, and how much workers say.
type logSettings struct {
	Level  logLevel  `env:"LOG_LEVEL" envDefault:"info"`
	Format logFormat `env:"LOG_FORMAT" envDefault:"auto"`
}
