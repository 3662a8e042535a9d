package localpg

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// tunedFile is included by postgresql.conf before anything the operator adds
// there, so the operator's lines win.
const tunedFile = "whatsapp-manager.conf"

// tuned are settings an operator may overrule.
func tuned(maxConnections int) map[string]string {
	return map[string]string{
		"max_connections": fmt.Sprint(maxConnections), // every worker may hold two, the manager sixteen
		"shared_buffers":  "64MB",
		// Parallel queries need room in /dev/shm, which containers rarely have.
		"max_parallel_workers_per_gather": "0",
		"jit":                             "off",
		"work_mem":                        "4MB",
		"temp_file_limit":                 "512MB", // of one session of a worker
		"max_wal_size":                    "512MB",
		"checkpoint_completion_target":    "0.9",
		"timezone":                        "UTC",
		"log_timezone":                    "UTC",
	}
}

// fixed are settings that keep promises of this package and win over every
// configuration file: the socket is the only way in, what was committed is on
// disk, and no statement, parameter or row value reaches the log.
func fixed(p place, socketDir string, acc account) map[string]string {
	return map[string]string{
		"listen_addresses":         "",
		"port":                     "5432", // only names the socket
		"unix_socket_directories":  `"` + strings.ReplaceAll(socketDir, `"`, `""`) + `"`,
		"unix_socket_permissions":  fmt.Sprintf("%#o", socketMode(acc)),
		"password_encryption":      "scram-sha-256",
		"fsync":                    "on",
		"full_page_writes":         "on",
		"synchronous_commit":       "on",
		"logging_collector":        "on",
		"log_destination":          "stderr",
		"log_directory":            p.log(),
		"log_filename":             "postgres-%a.log",
		"log_file_mode":            "0600",
		"log_truncate_on_rotation": "on",
		"log_rotation_age":         "1d",
		"log_rotation_size":        "0",
		"log_line_prefix":          "%m [%p] ",
		// "log" is above "error": errors of statements are the client's, their
		// texts may quote values, and the client has them anyway.
		"log_min_messages":                  "log",
		"log_min_error_statement":           "panic",
		"log_error_verbosity":               "terse", // no DETAIL, which quotes rows and statements
		"log_statement":                     "none",
		"log_min_duration_statement":        "-1",
		"log_min_duration_sample":           "-1",
		"log_transaction_sample_rate":       "0",
		"log_parameter_max_length":          "0",
		"log_parameter_max_length_on_error": "0",
		"log_checkpoints":                   "off",
		"log_connections":                   "off",
		"log_disconnections":                "off",
		"log_lock_waits":                    "off",
		"log_autovacuum_min_duration":       "-1",
	}
}

func arguments(settings map[string]string) []string {
	var args []string
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", k+"="+settings[k])
	}
	return args
}

func configFile(settings map[string]string) string {
	var b strings.Builder
	b.WriteString("# Written at every start; put your own settings into postgresql.conf.\n")
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s = '%s'\n", k, strings.ReplaceAll(settings[k], "'", "''"))
	}
	return b.String()
}

// environment is what the server's programs get to see: nothing of the
// manager's settings and secrets, and no PG… variable that would move them.
func environment() []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if name == "PATH" || name == "LD_LIBRARY_PATH" || name == "TZ" || name == "LOCPATH" {
			env = append(env, kv)
		}
	}
	return append(env, "LC_ALL=C")
}
