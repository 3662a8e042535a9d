package main

// help is what --help says about each setting.
var help = map[string]string{
	"LISTEN":     "the address that the API listens on",
	"PUBLIC_URL": "the address that users see, e.g. https://wa.example.org",
	"ALLOWED_HOSTS": "more host names under which the API answers, e.g. wa.internal,*.example.org; localhost, the host of " +
		"PUBLIC_URL and the listen address are always allowed; *: any name",
	"TRUSTED_PROXIES": "networks whose X-Forwarded-For header is believed, e.g. 127.0.0.1/32",
	"MAX_CONNECTIONS": "the most connections to the API at a time; 0: half of the process's file descriptors, at most 8192",
	"MAX_CONNECTIONS_PER_ADDRESS": "the most connections from one address (IPv6: from one /64), except from TRUSTED_PROXIES; " +
		"0: half of MAX_CONNECTIONS",
	"MANAGER_MEMORY_LIMIT": "the memory that the manager stays below; running requests hold at most half of it; " +
		"auto: a quarter of the machine or container, from 256MiB to 2GiB",
	"MEDIA_BODY_LIMIT": "the largest body of a request that carries a file; default: 32MiB, or an eighth of " +
		"WORKER_MEMORY_LIMIT if that is less",

	"ADMIN_EMAIL":            "the e-mail address of the first superadmin",
	"ADMIN_PASSWORD":         "the first superadmin's password, 12 to 128 characters; empty: a random one, printed once",
	"JWT_SECRET":             "the secret that signs access tokens, at least 32 characters; empty: generated and kept",
	"REGISTRATION":           "let anybody create a user",
	"MAX_INSTANCES":          "the most instances on this node; 0: no limit",
	"MAX_INSTANCES_PER_USER": "the most instances of a user who is not an administrator; an administrator can set another number for a user; 0: no limit",

	"DATA_DIR":            "the directory that everything is kept in",
	"DATABASE_URL":        "the Postgres to use; empty: a private one in the data directory",
	"WORKER_DATABASE_URL": "the same database as a user made for workers; only needed where the user of DATABASE_URL may not create roles",
	"SECRET_KEY_FILE": "the file with the key that seals the secrets in the database; it is made at the first start; " +
		"default: secret.key in the data directory; keep a copy, apart from the backups of the database",
	"KEEP_MESSAGES": "how long messages are kept, e.g. 2160h for 90 days; starred messages are always kept; 0: for ever",
	"KEEP_EVENTS":   "how long events are kept after every webhook has received them; 0: for ever",

	"NODE_ID": "the name of this node; two installations on one host need different names",
	"RUN_DIR": "the directory of the workers' locks and sockets; default: in the data directory, or in " +
		"/var/lib/whatsapp-manager if the workers' user cannot reach the data directory",

	"WORKER_BINARY": "the path of the worker program; default: whatsapp-worker beside this program",
	"WORKER_USER": "the user, by name or number, that runs the workers when root starts the manager; default: " +
		"whatsapp-worker if that user exists, otherwise a number that no user has; root: do not change the user",
	"WORKER_MEMORY_LIMIT": "a worker that uses more memory than this is ended and restarted",
	"MAX_FILE_SIZE":       "the largest file that is sent from a form or a URL, or received as a stream, from 1MiB to 2GiB",
	"HEALTH_INTERVAL":     "the time between two health checks of the workers",

	"WHATSAPP_ENDPOINT": "a simulator on a loopback address, used instead of WhatsApp; empty: the real WhatsApp",
	"DEVICE_NAME":       "the name that the phone shows under linked devices",
	"WHATSMEOW_METHODS": "methods of whatsmeow to allow that are off by default, e.g. SendAppState; the word undecided allows " +
		"all methods that have not been reviewed",
	"SENDS_PER_MINUTE": "how many messages a new instance may send in a minute; 0: no limit",
	"CALLS_PER_SECOND": "how many calls each instance answers in a second; further calls wait for up to two seconds; 0: no limit",
	"INBOUND_PER_SECOND": "how many messages each instance takes from WhatsApp in a second; further messages wait at WhatsApp, " +
		"in order; auto: 50 for each CPU core; 0: no limit",

	"MEDIA_NETWORKS":   "internal networks from which media may be fetched by URL, e.g. 10.0.0.0/8; public addresses are always allowed",
	"WEBHOOK_NETWORKS": "internal networks with webhook receivers, e.g. 127.0.0.0/8; public addresses are always allowed",

	"LOG_LEVEL":  "trace, debug, info, warn or error",
	"LOG_FORMAT": "json, console, or auto (console on a terminal)",
}
