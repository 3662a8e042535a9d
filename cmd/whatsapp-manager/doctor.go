package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"

	"whatsapp-manager/supervisor/localpg"
	"whatsapp-manager/supervisor/store/migrations"
	"whatsapp-manager/supervisor/store/roles"
	"whatsapp-manager/worker/keystore"
)

const doctorTime = 20 * time.Second

// verdicts of the doctor.
const (
	well   = "ok"
	better = "note"  // could be better
	wrong  = "wrong" // ends with exit code 1
)

// finding is one line of what the doctor says.
type finding struct{ verdict, what, detail string }

// errWrong is the doctor's exit code; the lines before it say what is wrong.
var errWrong = errors.New("something is wrong, see above")

// doctor looks at the installation and changes nothing.
func doctor(ctx context.Context, c config) error {
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	return tell(stdout, append(examineDatabase(ctx, c), examineKernel()))
}

func tell(out io.Writer, findings []finding) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	var err error
	for _, f := range findings {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.verdict, f.what, f.detail)
		if f.verdict == wrong {
			err = errWrong
		}
	}
	return errors.Join(table.Flush(), err)
}

func examineDatabase(ctx context.Context, c config) []finding {
	url := string(c.Data.DatabaseURL)
	if url == "" {
		found, err := localpg.Look(filepath.Join(c.Data.DataDir, "postgres"))
		if errors.Is(err, localpg.ErrNotRunning) {
			return []finding{{better, "database", "the private Postgres is not running; start the manager and ask again"}}
		}
		if err != nil {
			return []finding{{wrong, "database", err.Error()}}
		}
		url = found
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return []finding{{wrong, "database", "setting " + envPrefix + "DATABASE_URL: not a valid Postgres URL"}}
	}
	defer pool.Close()
	if err := pool.Ping(ctx); err != nil {
		return []finding{{wrong, "database", "cannot be reached: " + withoutURL(err, url)}}
	}
	report := []finding{{well, "database", "answers"}}
	has, newest, err := migrations.Versions(ctx, pool)
	switch {
	case err != nil:
		return append(report, finding{wrong, "schema", "cannot be read: " + withoutURL(err, url)})
	case has != newest:
		return append(report, finding{
			wrong, "schema",
			fmt.Sprintf("is at %d, this version's is %d; the next start of the manager, or whatsapp-manager migrate, brings it there", has, newest),
		})
	}
	report = append(report, finding{well, "schema", fmt.Sprintf("is current (%d)", has)})
	if err := keystore.Check(ctx, pool); err != nil {
		report = append(report, finding{wrong, "whatsmeow's schema", withoutURL(err, url)})
	} else {
		report = append(report, finding{well, "whatsmeow's schema", "is current"})
	}
	access, err := roles.Look(ctx, url, string(c.Data.WorkerDatabaseURL))
	if err != nil {
		return append(report, finding{wrong, "isolation", "cannot be told: " + withoutURL(err, url)})
	}
	return append(report, judgeAccess(access)...)
}

func judgeAccess(r roles.Report) []finding {
	isolation := finding{well, "isolation", "instance: each worker has a role that sees its account only"}
	switch r.Isolation {
	case roles.PerInstance:
	case roles.Shared:
		isolation = finding{
			better, "isolation",
			"shared: one role for all workers, which sees the chats of all accounts: " + r.Why,
		}
	case roles.None:
		isolation = finding{wrong, "isolation", "none: a worker that is taken over has the whole database: " + r.Why}
	}
	report := []finding{isolation}
	if !r.Arranged {
		report = append(report, finding{wrong, "grants", "are not this version's; the next start of the manager sees to it"})
	}
	if r.Superuser {
		report = append(report, finding{
			better, "database user",
			"is a superuser; one with CREATEROLE that owns the database is enough",
		})
	}
	if len(r.Elsewhere) > 0 && r.Isolation != roles.None {
		report = append(report, finding{
			better, "other databases",
			"workers' roles may connect to " + strings.Join(r.Elsewhere, ", ") +
				"; their owners close them: revoke connect on database … from public",
		})
	}
	need := 2*r.Instances + 20
	connections := finding{
		well, "connections",
		fmt.Sprintf("max_connections is %d, at worst %d are needed", r.MaxConnections, need),
	}
	if r.MaxConnections < need {
		connections.verdict = better
	}
	return append(report, connections)
}

func examineKernel() finding {
	abi, err := ll.LandlockGetABIVersion()
	switch {
	case err != nil || abi < 1:
		return finding{wrong, "confinement", "the kernel has no Landlock: workers can read each other's files"}
	case abi < 6:
		return finding{
			better, "confinement",
			fmt.Sprintf("Landlock %d; version 6 (Linux 6.12) also keeps signals and abstract sockets apart", abi),
		}
	}
	return finding{well, "confinement", fmt.Sprintf("Landlock %d", abi)}
}

// withoutURL is an error's text that quotes nothing of the URL.
func withoutURL(err error, url string) string {
	return strings.ReplaceAll(err.Error(), url, "the database")
}
