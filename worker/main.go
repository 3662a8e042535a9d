package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/egress"
	"whatsapp-manager/proto/netguard"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/bounds"
	"whatsapp-manager/worker/client"
	"whatsapp-manager/worker/confine"
	"whatsapp-manager/worker/decode"
	"whatsapp-manager/worker/host"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/relay/reflected"
	"whatsapp-manager/worker/relay/wwebjs"
	"whatsapp-manager/worker/rpc"
	"whatsapp-manager/worker/spool"
)

// spoolLimit is how many bytes all files in the spool may have: a file that is sent is
// there as it came and encrypted, and another may come out.
func spoolLimit(maxFile int64) int64 { return max(512<<20, 3*maxFile) }

// Main runs a worker until it ends and returns the process's exit code. It may be called
// once per process, and before anything else, since the process may be one that decodes
// a file for a worker (package decode). It takes over the standard descriptors, signals,
// and variables of whatsmeow that exist once per process.
func Main(ctx context.Context, args []string, stdin *os.File, opts Options) int {
	if decode.Asked() {
		return decode.Main()
	}
	if opts.Build == "" {
		opts.Build = "dev"
	}
	if len(args) == 1 && args[0] == "--version" {
		fmt.Println(opts.Build)
		return workerv1.ExitOK
	}
	if len(args) > 0 || os.Getenv(workerv1.CookieKey) != workerv1.CookieValue {
		fmt.Fprintln(os.Stderr, "whatsapp-worker is launched by whatsapp-manager, never by hand")
		return workerv1.ExitBadBootstrap
	}
	// A print to a closed pipe must not end the process, nor a closed terminal.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	if err := confine.Drop(); err != nil {
		fmt.Fprintln(os.Stderr, "whatsapp-worker:", err)
		return host.ExitFailed
	}
	boot, err := host.ReadBootstrap(stdin)
	if err == nil {
		_, err = client.ParseEndpoint(boot.GetWhatsappEndpoint())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "whatsapp-worker:", err)
		return workerv1.ExitBadBootstrap
	}
	claim, err := host.TakeClaim(boot.GetRunDir(), boot.GetNode(), boot.GetInstance())
	if err != nil {
		fmt.Fprintln(os.Stderr, "whatsapp-worker:", err)
		if errors.Is(err, host.ErrTaken) {
			return workerv1.ExitTaken
		}
		return host.ExitFailed
	}
	defer claim.Release()
	return live(ctx, boot, opts)
}

// live is the life of the owner of the claim.
func live(ctx context.Context, boot *workerv1.Bootstrap, opts Options) (code int) {
	ending := host.NewEnding(boot.GetRunDir(), boot.GetGeneration())
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "whatsapp-worker: panic: %v\n%s", p, debug.Stack())
			ending.Ask("panic", fmt.Errorf("%T", p))
			code = ending.WriteLastWords()
		}
	}()
	w, err := open(ctx, boot, opts, ending)
	if err == nil {
		err = w.server.Start(boot.GetRunDir())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "whatsapp-worker:", err)
		ending.Ask("startup", err)
		return ending.WriteLastWords()
	}
	w.confined.Seal(w.log)
	return w.run(opts.Hook)
}

// process is a worker whose parts are all made.
type process struct {
	boot     *workerv1.Bootstrap
	log      zerolog.Logger
	ending   *host.Ending
	core     *core
	spool    *spool.Spool
	server   *rpc.Server
	identity workerv1.Identity
	confined confine.Held
	shutdown func() // once
}

// open makes the parts of a worker, in an order that matters: what has to be open under
// the confinement comes before it, and nothing from outside is heard before that.
func open(ctx context.Context, boot *workerv1.Bootstrap, opts Options, ending *host.Ending) (*process, error) {
	stdio, err := host.NewStdio()
	if err != nil {
		return nil, err
	}
	log := host.NewLogger(stdio.Log(), boot.GetLogLevel(), boot.GetInstance(), boot.GetGeneration())
	ending.LogTo(log)
	host.LimitMemory(boot.GetMemoryLimitBytes(), boot.GetDataLimitBytes())
	client.SilenceSignal()
	nameDevice(cmp.Or(boot.GetDeviceName(), "WhatsApp Manager"), "")
	w := &process{boot: boot, log: log, ending: ending}
	if w.identity, err = host.NewIdentity(boot, opts.Build); err != nil {
		return nil, err
	}
	if err = attachable(boot.GetRunDir(), w.identity, stdio); err != nil {
		return nil, err
	}
	networks, err := netguard.Networks(boot.GetMediaNetworks())
	if err != nil {
		return nil, err
	}
	maxFile := cmp.Or(int64(boot.GetMaxFileBytes()), media.MaxFile)
	if w.spool, err = spool.Open(filepath.Join(boot.GetRunDir(), workerv1.SpoolDir), spoolLimit(maxFile)); err != nil {
		return nil, err
	}
	if w.core, err = newCore(ctx, boot, opts, log, ending.Ask); err != nil {
		return nil, err
	}
	gate, err := host.OpenGate(boot.GetRunDir(), boot.ManagerUid)
	if err != nil {
		return nil, err
	}
	w.confined = host.Confine(boot, append(w.core.endpoint.Ports(), w.core.db.Ports()...), gate, log)
	methods := relay.New(relay.Deps{
		CurrentClient: w.core.client, Mirror: w.core.mirror, Logout: w.core.Logout, Log: log,
		Link: func() *workerv1.Link { link, _ := w.core.status.Present(); return link },
		Files: media.New(media.Config{
			Networks: networks, Dial: mediaDialer(boot), Spool: w.spool, Decoder: decode.New(log), Log: log,
			MaxFile: maxFile, Memory: bounds.NewBudget(host.FileMemory(boot.GetMemoryLimitBytes())),
		}),
	}, relay.Methods(wwebjs.Rows()), reflected.New(catalog.NewOpened(boot.GetWhatsmeowMethods())))
	w.core.handler.readBlocklist = methods.RefreshBlocklist
	w.shutdown = sync.OnceFunc(w.core.shutdown)
	w.server = rpc.NewServer(ctx, log, &rpc.Service{
		Loop: w.core, Methods: methods, Spool: w.spool, MaxFile: maxFile, Status: w.core.status, Counters: w.core.counters,
		Identity: w.identity, Confinement: w.confined.String(), StartedAt: time.Now(),
		Greeted: stdio.ToLog, RawEvents: w.core.mirror.SetRawEvents, Used: w.core.handler.idle.Touch,
		End: func(reason string) {
			ending.Ask(reason, nil)
			w.shutdown()
			ending.WriteLastWords()
		},
	}, gate.Admit)
	return w, nil
}

// attachable cleans the run directory and makes standard output the attach file, where
// go-plugin's handshake line follows the identity.
func attachable(runDir string, identity workerv1.Identity, stdio *host.Stdio) error {
	if err := host.Sweep(runDir); err != nil {
		return err
	}
	attach, err := host.OpenAttach(runDir, identity)
	if err != nil {
		return err
	}
	defer attach.Close()
	return stdio.ToAttach(attach)
}

// mediaDialer connects to addresses that users name by URL: through the manager, where
// it offers that; nil where it does not.
func mediaDialer(boot *workerv1.Bootstrap) func(ctx context.Context, network, address string) (net.Conn, error) {
	if boot.GetEgressSocket() == "" {
		return nil
	}
	return egress.NewDialer(boot.GetEgressSocket()).DialContext
}

// run lives until somebody asks for the end, and returns the exit code.
func (w *process) run(hook func(*Running)) int {
	w.log.Info().Str("build", w.identity.Build).Int("pid", w.identity.PID).Msg("worker started")
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	ran := make(chan struct{})
	w.core.tasks.Go(func(ctx context.Context) { w.spool.Run(ctx) })
	w.core.tasks.Go(func(ctx context.Context) {
		defer close(ran)
		w.core.run(ctx)
	})
	if hook != nil {
		go hook(&Running{
			Bootstrap: w.boot, Done: w.ending.Asked(), OnLoop: func(fn func()) { w.core.tell(onLoop{fn}) },
		})
	}
	select {
	case <-term:
		w.ending.Ask("sigterm", nil)
	case <-w.server.Done(): // go-plugin's own Shutdown call
		w.ending.Ask("shutdown", nil)
	case <-w.ending.Asked():
	}
	w.shutdown()
	code := w.ending.WriteLastWords()
	w.server.Finish()
	<-ran
	if w.core.tasks.Ended() {
		w.core.db.Close()
	}
	w.log.Info().Int("code", code).Msg("worker ended")
	return code
}
