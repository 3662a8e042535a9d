package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "whatsapp-manager/"

// room is a part of the tree and what its code may import of our other rooms,
// and must not import from elsewhere. The first room that fits a package holds.
type room struct {
	path    string   // a package, with all below it where it ends in /...
	ours    []string // of our packages, beside those of the room itself
	tests   []string // of ours, in its tests only
	never   []string // of others, directly
	without []string // of others, not even through what it imports
}

// clientParts make a WhatsApp client, which the simulator must not be.
var clientParts = []string{"go.mau.fi/whatsmeow", "go.mau.fi/whatsmeow/store/...", "github.com/jackc/pgx/..."}

// decoders are packages that read images.
var decoders = []string{"image/...", "golang.org/x/image/...", "github.com/HugoSmits86/..."}

// Groups of other people's packages that most rooms of the worker do without.
var (
	postgres  = []string{"github.com/jackc/pgx/...", "database/sql"}
	web       = []string{"net/http"}
	anyMau    = []string{"go.mau.fi/..."}
	pureNever = slices.Concat(decoders, postgres, web, anyMau)
)

// noFiles is for packages that neither read images nor reach the network or the
// database by themselves.
var noFiles = slices.Concat(decoders, []string{"net/http", "database/sql", "github.com/jackc/pgx/..."})

// methodsUse are our packages that the methods of whatsapp-web.js work with.
var methodsUse = []string{
	"proto/backoff", "proto/fault", "worker/inbound", "worker/message", "worker/mirror", "worker/shape",
	"worker/relay", "worker/relay/content", "worker/relay/media", "worker/relay/param", "worker/relay/value",
}

// linksSignal are packages of whatsmeow that need its types or a library for Signal. What
// is left of it is the SQL of its tables.
var linksSignal = []string{
	"go.mau.fi/libsignal/...", "go.mau.fi/whatsmeow", "go.mau.fi/whatsmeow/proto/...", "go.mau.fi/whatsmeow/store",
	"go.mau.fi/whatsmeow/store/sqlstore", "go.mau.fi/whatsmeow/types/...",
}

var rooms = []room{
	// The daemon is under the licence of our sources only, so it links neither the
	// simulator nor a library for Signal. Of whatsmeow it has the SQL of its tables.
	{
		path: "cmd/whatsapp-manager", ours: []string{"api/...", "proto/...", "supervisor/...", "worker/keystore", "worker/wasim/client"},
		tests:   []string{"supervisor/store/storetest", "worker/wasim/..."},
		never:   []string{"go.mau.fi/..."},
		without: linksSignal,
	},
	// What only the manager needs takes memory in every worker.
	{path: "cmd/whatsapp-worker", ours: []string{"worker/..."}, without: []string{"github.com/nyaruka/phonenumbers", "golang.org/x/text/language/display"}},
	{path: "cmd/...", ours: []string{"..."}},
	{path: "proto/process", ours: nil, never: []string{"net/...", "os/exec", "database/sql"}, without: []string{"google.golang.org/grpc/...", "github.com/jackc/pgx/...", "go.mau.fi/..."}},
	{path: "proto/linking", ours: []string{"proto/worker/v1"}, never: []string{"net/...", "database/sql"}, without: []string{"github.com/jackc/pgx/...", "go.mau.fi/..."}},
	{path: "proto/standing", ours: nil, never: slices.Concat(postgres, web, anyMau)},
	{path: "proto/...", never: []string{"github.com/jackc/pgx/...", "go.mau.fi/..."}},
	{
		path: "api/docs/...", ours: []string{"api/method", "proto/catalog"}, never: []string{"github.com/jackc/pgx/...", "database/sql"},
		without: []string{"go.mau.fi/whatsmeow/..."},
	},
	{path: "api/apitest/chromium", ours: []string{"proto/backoff"}, without: []string{"go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."}},
	{path: "api/linkpage/extension", ours: nil, never: []string{"net/http"}, without: []string{"go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."}},
	{
		path: "api/linkpage", ours: []string{"api", "api/auth", "api/credential", "api/ident", "api/linkpage/extension", "api/loginguard", "api/problem", "api/route", "api/trace", "proto/fault", "proto/linking", "supervisor", "supervisor/store"},
		tests: []string{"api/apitest/...", "api/qr", "supervisor/store/storetest"}, never: []string{"github.com/jackc/pgx/...", "database/sql"}, without: []string{"go.mau.fi/whatsmeow/..."},
	},
	{path: "api/apitest", ours: nil, without: []string{"go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."}},
	{path: "api/ident", ours: nil, never: []string{"net/http", "github.com/jackc/pgx/...", "database/sql"}, without: []string{"go.mau.fi/whatsmeow/..."}},
	{path: "api/jsoncheck", ours: nil, never: []string{"net/http"}, without: []string{"go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."}},
	{path: "api/trace", ours: []string{"api/budget", "supervisor"}, never: []string{"net/http"}, without: []string{"go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."}},
	{
		path: "api/problem", ours: []string{"api/budget", "api/intake", "api/trace", "proto/fault"}, tests: nil,
		without: []string{"go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."},
	},
	{
		path: "api/method", ours: []string{"api/problem", "api/trace", "proto/catalog", "proto/fault"},
		without: []string{"go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."},
	},
	{
		path: "api/route", ours: []string{"api/problem", "api/trace"},
		without: []string{"go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."},
	},
	{
		path: "api/linking", ours: []string{"api/qr", "api/route", "proto/fault", "proto/linking", "proto/phone", "proto/worker/v1", "supervisor", "supervisor/store"},
		tests: []string{"worker/wasim/passkey/..."},
		never: []string{"github.com/jackc/pgx/...", "database/sql"}, without: []string{"go.mau.fi/whatsmeow/..."},
	},
	{
		path: "api/auth", ours: []string{"api/credential", "api/ident", "api/loginguard", "api/route", "api/session", "api/trace", "proto/fault", "supervisor", "supervisor/store"},
		never: []string{"github.com/jackc/pgx/...", "database/sql"}, without: []string{"go.mau.fi/whatsmeow/..."},
	},
	{path: "api/sends/healthpolicy", ours: []string{"proto/fault", "proto/standing"}, never: noFiles},
	{
		path: "api/numberhealth", ours: []string{"api", "api/route", "api/sends", "api/sends/healthpolicy", "proto/...", "supervisor", "supervisor/store"},
		tests: []string{"api/apitest", "supervisor/store/storetest"}, never: []string{"github.com/jackc/pgx/...", "database/sql"}, without: []string{"go.mau.fi/whatsmeow/..."},
	},
	{
		path: "api/arrival", ours: []string{"api", "api/auth", "api/intake", "api/route", "api/trace", "proto/fault", "supervisor/moving/...", "supervisor/store", "supervisor/store/carry"},
		tests: []string{"api/apitest", "supervisor", "supervisor/store/storetest", "worker/keystore"}, never: []string{"github.com/jackc/pgx/...", "database/sql"}, without: []string{"go.mau.fi/..."},
	},
	{
		path: "api/sends/outbox", ours: []string{"api", "api/route", "api/sends", "api/sends/healthpolicy", "proto/backoff", "proto/catalog", "proto/event", "proto/fault", "supervisor", "supervisor/store"},
		tests: []string{"api/apitest", "proto/worker/v1", "supervisor/store/storetest"}, never: []string{"github.com/jackc/pgx/...", "database/sql"}, without: []string{"go.mau.fi/whatsmeow/..."},
	},
	{
		path: "api/sends", ours: []string{"api/trace", "proto/...", "supervisor", "supervisor/store"},
		never: []string{"net/http", "github.com/jackc/pgx/...", "database/sql"}, without: []string{"go.mau.fi/whatsmeow/..."},
	},
	{
		path: "api/feed", ours: []string{"api", "api/auth", "api/method", "api/qr", "api/route", "api/session", "proto/...", "supervisor", "supervisor/store"},
		tests: []string{"api/apitest", "supervisor/store/storetest"}, never: []string{"github.com/jackc/pgx/...", "database/sql"}, without: []string{"go.mau.fi/whatsmeow/..."},
	},
	{
		path: "api/upkeep", ours: []string{"api/auth", "api/sends", "proto/wallclock"},
		tests: []string{"api/sends/outbox", "supervisor", "supervisor/store", "supervisor/store/storetest"},
		never: []string{"net/http", "github.com/jackc/pgx/...", "database/sql"}, without: []string{"go.mau.fi/whatsmeow/..."},
	},
	{
		path: "api/...", ours: []string{"supervisor", "supervisor/rollout", "supervisor/store", "proto/..."}, tests: []string{"supervisor/store/storetest"},
		never: []string{"github.com/jackc/pgx/...", "database/sql"}, without: []string{"go.mau.fi/whatsmeow/..."},
	},
	{path: "supervisor/keyfile/...", ours: []string{"proto/..."}, never: []string{"net/http", "database/sql", "github.com/jackc/pgx/..."}, without: []string{"go.mau.fi/whatsmeow/..."}},
	{path: "supervisor/localpg/...", ours: []string{"proto/pgscram", "proto/process"}, never: []string{"net/http"}, without: []string{"go.mau.fi/whatsmeow/..."}},
	{path: "supervisor/moving", ours: []string{"proto/fault"}, never: slices.Concat(pureNever, []string{"os", "os/exec"})},
	{
		path: "supervisor/moving/...", ours: []string{"proto/fault"}, tests: []string{"supervisor/store/storetest", "worker/keystore"},
		never: slices.Concat(decoders, web), without: []string{"go.mau.fi/...", "github.com/jackc/pgx/..."},
	},
	{
		path: "supervisor/store/carry", ours: []string{"proto/fault", "proto/seal", "supervisor", "supervisor/moving/...", "supervisor/store"},
		tests: []string{"supervisor/store/storetest", "worker/keystore", "worker/sealedstore"}, never: web, without: []string{"go.mau.fi/..."},
	},
	{path: "supervisor/store/storetest/...", ours: []string{"supervisor", "supervisor/store/...", "supervisor/localpg", "proto/process"}, without: []string{"go.mau.fi/whatsmeow/..."}},
	{path: "supervisor/store/...", ours: []string{"supervisor", "proto/..."}, never: []string{"net/http"}, without: []string{"go.mau.fi/whatsmeow/..."}},
	{path: "supervisor/egress", ours: []string{"proto/..."}, never: []string{"net/http"}, without: []string{"go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."}},
	{path: "supervisor/workeruser", ours: nil, never: []string{"net/http"}, without: []string{"go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."}},
	{
		path: "supervisor/workerproc", ours: []string{"proto/fault", "proto/peercred", "proto/process", "proto/worker/v1", "supervisor/workeruser"},
		never: []string{"net/http", "os/exec", "google.golang.org/grpc", "github.com/prometheus/..."}, without: []string{"github.com/hashicorp/go-plugin/...", "go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."},
	},
	{
		path: "supervisor/workerconn", ours: []string{"proto/fault", "proto/peercred", "proto/process", "proto/worker/v1", "supervisor/workerproc"},
		never: []string{"net/http", "github.com/prometheus/..."}, without: []string{"go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."},
	},
	{
		path: "supervisor/rollout", ours: []string{"proto/backoff", "proto/fault", "proto/process", "supervisor/workerproc"},
		never: []string{"net", "net/http", "os/exec", "google.golang.org/grpc", "github.com/prometheus/..."}, without: []string{"github.com/hashicorp/go-plugin/...", "go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."},
	},
	{path: "supervisor", ours: []string{"proto/...", "supervisor/egress", "supervisor/rollout", "supervisor/workerconn", "supervisor/workerproc", "supervisor/workeruser"}, tests: []string{"supervisor/store", "supervisor/store/storetest"}, never: []string{"net/http", "database/sql"}, without: []string{"go.mau.fi/whatsmeow/...", "github.com/jackc/pgx/..."}},
	// The control API's other side is linked into programs that must not link the simulator.
	{path: "worker/wasim/client", ours: nil, without: []string{"go.mau.fi/...", "github.com/jackc/pgx/..."}},
	{path: "worker/wasim/compose/composetest", ours: []string{"worker/wasim", "worker/wasim/compose"}, never: clientParts},
	{path: "worker/wasim/compose", ours: []string{"worker/wasim", "worker/wasim/media", "worker/wasim/phone"}, never: clientParts},
	{path: "worker/wasim/control", ours: []string{"worker/wasim", "worker/wasim/compose", "worker/wasim/passkey", "worker/wasim/phone", "worker/wasim/user"}, never: clientParts},
	{path: "worker/wasim/wire", ours: nil, never: clientParts},
	{path: "worker/wasim/media", ours: nil, never: clientParts},
	{
		path: "worker/wasim/phone", ours: []string{"worker/wasim/media"}, never: clientParts,
		tests: []string{"worker/wasim", "worker/wasim/wire", "supervisor/store/storetest"},
	},
	// Tests of any room may make answers of a passkey; what verifies them stays here.
	{path: "worker/wasim/passkey/authenticator", ours: nil, never: noFiles, without: []string{"go.mau.fi/...", "github.com/go-webauthn/..."}},
	{
		path: "worker/wasim/passkey", ours: []string{"worker/wasim/stanza"}, never: slices.Concat(clientParts, noFiles),
		tests: []string{"worker/wasim/passkey/authenticator"},
	},
	{path: "worker/wasim/user", ours: nil, never: clientParts},
	{path: "worker/wasim/stanza", ours: nil, never: clientParts},
	{path: "worker/wasim/reachout", ours: nil, never: clientParts},
	{path: "worker/wasim/faults", ours: nil, never: clientParts},
	{path: "worker/wasim/prekeys", ours: []string{"worker/wasim/stanza"}, never: clientParts},
	{path: "worker/wasim/appstate", ours: nil, never: clientParts},
	{path: "worker/wasim/shop", ours: []string{"worker/wasim/stanza"}, never: clientParts},
	{path: "worker/wasim/groups", ours: []string{"worker/wasim/stanza", "worker/wasim/user"}, never: clientParts},
	{path: "worker/wasim/channels", ours: []string{"worker/wasim/stanza", "worker/wasim/user"}, never: clientParts},
	{path: "worker/wasim/...", tests: []string{"supervisor/store/storetest"}, never: clientParts},
	{path: "worker/decode/...", ours: []string{"proto/fault"}, never: []string{"go.mau.fi/...", "net/http", "github.com/jackc/pgx/..."}},
	{path: "worker/link", ours: []string{"proto/worker/v1"}, never: pureNever},
	{path: "worker/mailbox", ours: nil, never: pureNever},
	{path: "worker/wording", ours: nil, never: pureNever},
	{path: "worker/together", ours: nil, never: pureNever},
	{path: "worker/redact", ours: nil, never: slices.Concat(decoders, postgres, web, clientParts)},
	{path: "worker/spool", ours: []string{"proto/fault"}, never: pureNever},
	{path: "worker/confine", ours: nil, never: pureNever},
	{path: "worker/bounds", ours: []string{"proto/fault"}, never: slices.Concat(decoders, postgres, anyMau)},
	{path: "worker/signalstore", ours: []string{"proto/fault"}, never: slices.Concat(decoders, postgres, web, []string{"go.mau.fi/whatsmeow"})},
	{path: "worker/keystore", ours: nil, never: slices.Concat(decoders, web, []string{"go.mau.fi/whatsmeow"})},
	{
		path: "worker/signalcache", ours: []string{"worker/signalstore"},
		never: slices.Concat(decoders, web, []string{"go.mau.fi/whatsmeow"}),
		tests: []string{"worker/keystore", "supervisor/store/storetest"},
	},
	{
		path: "worker/pgretry", ours: []string{"proto/backoff", "worker/keystore"},
		never: slices.Concat(decoders, web, []string{"go.mau.fi/whatsmeow"}),
	},
	{
		path: "worker/lidstore", ours: nil, never: slices.Concat(decoders, web, []string{"go.mau.fi/whatsmeow"}),
		tests: []string{"worker/keystore", "worker/sealedstore", "supervisor/store/storetest"},
	},
	{
		path: "worker/sealedstore", ours: []string{"proto/seal"}, never: slices.Concat(decoders, web, []string{"go.mau.fi/whatsmeow"}),
		tests: []string{"worker/keystore", "supervisor/store/storetest"},
	},
	{path: "worker/host", ours: []string{"proto/netguard", "proto/process", "proto/seal", "proto/worker/v1", "worker/confine", "worker/redact"}, never: pureNever},
	{path: "worker/rpc", ours: []string{"proto/catalog", "proto/fault", "proto/peercred", "proto/worker/v1", "worker/redact", "worker/relay/..."}, never: pureNever},
	{
		path: "worker/client", ours: []string{"worker/bounds", "worker/confine", "worker/mailbox", "worker/redact", "worker/wording"},
		never: slices.Concat(decoders, postgres),
	},
	{path: "worker/message", ours: nil, never: slices.Concat(decoders, postgres, web, clientParts)},
	{path: "worker/shape/shapetest"},
	{path: "worker/shape", ours: []string{"worker/message"}, tests: []string{"worker/shape/shapetest"}, never: slices.Concat(decoders, postgres, web, clientParts)},
	{path: "worker/addon", ours: nil, tests: []string{"worker/wasim/compose"}, never: slices.Concat(decoders, postgres, web, clientParts)},
	{path: "worker/inbound", ours: []string{"proto/standing", "worker/addon", "worker/message", "worker/shape"}, tests: []string{"worker/wasim/compose"}, never: slices.Concat(decoders, postgres, web, clientParts)},
	{
		path: "worker/mirror/...", ours: []string{"proto/event", "proto/standing", "worker/inbound", "worker/message", "worker/shape", "worker/together"},
		never: slices.Concat(decoders, web, []string{"go.mau.fi/whatsmeow", "go.mau.fi/whatsmeow/store/...", "database/sql"}), tests: []string{"supervisor/store/storetest", "worker/keystore"},
	},
	// The way of a call knows no single method: those are above it.
	{
		path: "worker/relay", ours: []string{"proto/backoff", "proto/catalog", "proto/fault", "proto/phone", "proto/standing", "proto/worker/v1", "worker/inbound", "worker/message", "worker/mirror", "worker/shape", "worker/wording", "worker/relay/media", "worker/relay/param"},
		never: slices.Concat(decoders, web),
		tests: []string{"worker/relay/...", "worker/wasim/phone"},
	},
	{path: "worker/relay/value", ours: []string{"proto/fault"}, never: noFiles},
	{path: "worker/relay/policy", ours: []string{"proto/catalog", "proto/fault", "worker/relay/param"}, never: noFiles},
	{path: "worker/relay/param", ours: []string{"proto/fault", "proto/phone", "worker/shape", "worker/relay/value"}, never: noFiles},
	{
		path: "worker/relay/media", ours: []string{"proto/egress", "proto/fault", "proto/netguard", "worker/bounds", "worker/decode", "worker/message", "worker/shape", "worker/spool", "worker/relay/param", "worker/relay/value"},
		never: slices.Concat(decoders, []string{"github.com/jackc/pgx/..."}),
	},
	{path: "worker/relay/content", ours: []string{"proto/fault", "worker/message", "worker/mirror", "worker/shape", "worker/relay", "worker/relay/media", "worker/relay/param", "worker/relay/value"}, never: noFiles},
	{
		path: "worker/relay/reflected", ours: []string{"proto/catalog", "proto/fault", "worker/relay", "worker/relay/param", "worker/relay/policy", "worker/relay/value"}, never: noFiles,
		tests: []string{"worker/relay/relaytest", "worker/relay/wwebjs", "worker/shape"},
	},
	{path: "worker/relay/wwebjs/group", ours: methodsUse, never: noFiles},
	{
		path: "worker/relay/wwebjs", ours: slices.Concat(methodsUse, []string{"worker/together", "worker/relay/wwebjs/group", "proto/catalog", "proto/phone"}), never: noFiles,
		tests: []string{"proto/catalog", "worker/decode", "worker/spool", "worker/relay/reflected", "worker/relay/relaytest", "worker/wasim/..."},
	},
	{path: "worker/relay/gencatalog", ours: []string{"proto/catalog", "worker/relay", "worker/relay/reflected", "worker/relay/wwebjs"}},
	{path: "worker/relay/relaytest", ours: []string{"proto/...", "supervisor/store/storetest", "worker/...", "worker/wasim/..."}},
	// What strangers send is decoded in a process of its own, and nowhere else.
	{path: "worker/...", ours: []string{"proto/..."}, never: decoders, tests: []string{"supervisor/store/storetest", "worker/wasim/..."}},
}

// within reports whether the package lies in the pattern (a path, or a path
// with /... for all below it as well, or ... for everything).
func within(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	base, tree := strings.CutSuffix(pattern, "/...")
	return pkg == base || tree && strings.HasPrefix(pkg, base+"/")
}

func anyWithin(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return within(p, pkg) })
}

// mayImport says whether the room's code, or its tests, may import the package.
func (r room) mayImport(pkg string, test bool) bool {
	ours, isOurs := strings.CutPrefix(pkg, module)
	if !isOurs {
		return test || !anyWithin(r.never, pkg)
	}
	// The simulator is for tests and programs, although it lies below worker.
	if within("worker/wasim/...", ours) && !strings.HasPrefix(r.path, "worker/wasim/") {
		return anyWithin(r.ours, ours) || test && anyWithin(r.tests, ours)
	}
	return within(r.path, ours) || anyWithin(r.ours, ours) || test && anyWithin(r.tests, ours)
}

func TestImportsKeepToTheRooms(t *testing.T) {
	type listed struct {
		ImportPath                               string
		Imports, TestImports, XTestImports, Deps []string
	}
	// Relative to this package, whose directory a test runs in.
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", "../../...")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages: %v\n%s", err, complaint.String())
	}
	seen := map[string]bool{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		path := strings.TrimPrefix(p.ImportPath, module)
		i := slices.IndexFunc(rooms, func(r room) bool { return within(r.path, path) })
		if i < 0 {
			t.Errorf("%s lies in no room; the rules do not know it", path)
			continue
		}
		r := rooms[i]
		seen[r.path] = true
		for _, imported := range p.Imports {
			if !r.mayImport(imported, false) {
				t.Errorf("%s must not import %s", path, imported)
			}
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if !r.mayImport(imported, true) {
				t.Errorf("tests of %s must not import %s", path, imported)
			}
		}
		for _, dep := range p.Deps {
			if anyWithin(r.without, dep) {
				t.Errorf("%s must not depend on %s, through no one", path, dep)
			}
		}
	}
	for _, r := range rooms {
		if !seen[r.path] {
			t.Errorf("no package lies in %s; the rule is idle", r.path)
		}
	}
}
