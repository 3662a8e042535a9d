package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/netguard"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/bounds"
	"whatsapp-manager/worker/confine"
	"whatsapp-manager/worker/decode"
	"whatsapp-manager/worker/lidstore"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/sealedstore"
	"whatsapp-manager/worker/spool"
)

// exitFailed is the code of an end that is neither asked for nor named in the
// contract; the last words tell the reason.
const exitFailed = 1

// Options are what a program may set around the worker.
type Options struct {
	// Build is reported by Hello; "dev" when empty.
	Build string
	// Hook is called once in a goroutine of its own when the worker can be
	// attached to. It is for faults that tests wrap around a real worker.
	Hook func(*Running)
	// OnEvent is called with every event of whatsmeow before it is handled; a
	// panic in it counts as one of the handler's.
	OnEvent func(event any)
	Tuning  Tuning
}

// Tuning holds the times that a test wants shorter. Zero means the default.
type Tuning struct {
	CodeLife      time.Duration // of a QR code, 20 s; the first of a round lives three times longer
	PairingRounds int           // of codes until pairing has to be asked for again, 3
	OutageLimit   time.Duration // of the database until the link is taken down, 20 s
	// CiphertextWait is how long a message may stay unreadable before that is told, 15 s.
	CiphertextWait time.Duration
	KeepAlive      time.Duration // between questions to WhatsApp, and for their answer; whatsmeow's own times
	HandlerLimit   time.Duration // until an event that cannot be recorded goes back to WhatsApp, 4 min
	Silence        time.Duration // of WhatsApp until the connection is made anew, one minute
}

func (t Tuning) withDefaults() Tuning {
	if t.CodeLife == 0 {
		t.CodeLife = 20 * time.Second
	}
	if t.PairingRounds == 0 {
		t.PairingRounds = 3
	}
	if t.OutageLimit == 0 {
		t.OutageLimit = 20 * time.Second
	}
	if t.HandlerLimit == 0 {
		t.HandlerLimit = handlerLimit
	}
	if t.Silence == 0 {
		t.Silence = silenceLimit
	}
	if t.CiphertextWait == 0 {
		t.CiphertextWait = 15 * time.Second
	}
	return t
}

// Running is a live worker as a Hook sees it.
type Running struct {
	// Bootstrap is the document the worker was started with.
	Bootstrap *workerv1.Bootstrap
	// Done is closed when the worker begins to end.
	Done <-chan struct{}
	// OnLoop has the main loop run fn, which holds up everything until it returns.
	OnLoop func(fn func())
}

// Main runs a worker until it ends and returns the process's exit code. It may
// be called once per process, and first of all, since the process may be one that
// decodes a file for a worker (package decode): it takes over the standard descriptors, signals,
// and variables of whatsmeow that exist once per process.
func Main(args []string, stdin *os.File, opts Options) int {
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
		return exitFailed
	}
	boot, err := readBootstrap(stdin)
	if err == nil {
		_, err = parseEndpoint(boot.GetWhatsappEndpoint())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "whatsapp-worker:", err)
		return workerv1.ExitBadBootstrap
	}
	mine, err := takeClaim(boot.GetRunDir(), boot.GetNode(), boot.GetInstance())
	if err != nil {
		fmt.Fprintln(os.Stderr, "whatsapp-worker:", err)
		if errors.Is(err, errTaken) {
			return workerv1.ExitTaken
		}
		return exitFailed
	}
	defer mine.release()
	return live(boot, opts)
}

// live is the life of the owner of the claim.
func live(boot *workerv1.Bootstrap, opts Options) (code int) {
	last := &ending{runDir: boot.GetRunDir(), generation: boot.GetGeneration(), asked: make(chan struct{})}
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "whatsapp-worker: panic: %v\n%s", p, debug.Stack())
			last.ask("panic", fmt.Errorf("%T", p))
			code = last.say()
		}
	}()
	io, err := newStdio()
	if err != nil {
		return fatal(last, err)
	}
	log := newLogger(io.log, boot.GetLogLevel(), boot.GetInstance(), boot.GetGeneration())
	last.log = log
	limitMemory(boot.GetMemoryLimitBytes(), boot.GetDataLimitBytes())
	silenceSignal()
	nameDevice(cmp.Or(boot.GetDeviceName(), "WhatsApp Manager"), "")
	identity, err := newIdentity(boot, opts.Build)
	if err != nil {
		return fatal(last, err)
	}
	if err = sweep(boot.GetRunDir()); err != nil {
		return fatal(last, err)
	}
	attach, err := openAttach(boot.GetRunDir(), identity)
	if err != nil {
		return fatal(last, err)
	}
	if err = io.toAttach(attach); err != nil {
		return fatal(last, err)
	}
	_ = attach.Close()

	media, err := netguard.Networks(boot.GetMediaNetworks())
	if err != nil {
		return fatal(last, err)
	}
	c, err := newCore(boot, opts, log, last.ask)
	if err != nil {
		return fatal(last, err)
	}
	manager, err := openGate(boot.GetRunDir(), boot.ManagerUid)
	if err != nil {
		return fatal(last, err)
	}
	held := shutIn(boot, c, manager, log)
	svc := &service{core: c, identity: identity, confinement: held.String(), startedAt: time.Now(), stdio: io, table: relay.New(relay.Deps{
		Client: c.client, Mirror: c.mirror, Logout: c.logout, Log: log,
		Link:          func() *workerv1.Link { link, _ := c.board.present(); return link },
		MediaNetworks: media, DialMedia: dialMedia(boot), Spool: c.spool, Opened: catalog.NewOpened(boot.GetWhatsmeowMethods()),
		Decoder: decode.New(log), Memory: bounds.NewBudget(fileMemory(boot.GetMemoryLimitBytes())),
	})}
	c.readBlocklist = svc.table.RefreshBlocklist
	quiet := sync.OnceFunc(c.shutdown)
	svc.stop = func(_ context.Context, reason string) {
		last.ask(reason, nil)
		quiet()
		last.say()
	}
	srv := newServer(log, svc, manager)
	if err = srv.start(boot.GetRunDir()); err != nil {
		return fatal(last, err)
	}
	held.Seal(log)
	log.Info().Str("build", identity.Build).Int("pid", identity.PID).Msg("worker started")

	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	ran := make(chan struct{})
	c.running.Add(1)
	go func() {
		defer close(ran)
		c.run()
	}()
	if opts.Hook != nil {
		go opts.Hook(&Running{Bootstrap: boot, Done: last.asked, OnLoop: func(fn func()) { c.tell(onLoop{fn}) }})
	}
	select {
	case <-term:
		last.ask("sigterm", nil)
	case <-srv.done: // go-plugin's own Shutdown call
		last.ask("shutdown", nil)
	case <-last.asked:
	}
	quiet()
	code = last.say()
	srv.finish()
	<-ran
	if c.ended() {
		c.db.close()
	}
	log.Info().Int("code", code).Msg("worker ended")
	return code
}

func fatal(last *ending, err error) int {
	fmt.Fprintln(os.Stderr, "whatsapp-worker:", err)
	last.ask("startup", err)
	return last.say()
}

func newCore(boot *workerv1.Bootstrap, opts Options, log zerolog.Logger, end func(string, error)) (*core, error) {
	where, err := parseEndpoint(boot.GetWhatsappEndpoint())
	if err != nil {
		return nil, err
	}
	where.trust()
	if every := opts.Tuning.KeepAlive; every > 0 {
		whatsmeow.KeepAliveIntervalMin, whatsmeow.KeepAliveIntervalMax = every, every+every/2
		whatsmeow.KeepAliveResponseDeadline = every
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &core{
		boot: boot, tuning: opts.Tuning.withDefaults(), onEvent: opts.OnEvent, log: log, endpoint: where, end: end, pace: newPace(boot.GetInboundPerSecond()), courtesy: openCourtesy(),
		ctx: ctx, stop: stop, idle: &idleFreer{},
		inbox: newMailbox[any](), feed: newMailbox[mirror.FeedEvent](), loaded: make(chan struct{}),
		timers: make(map[timerName]*time.Timer), dialTimer: time.NewTimer(0), outageTime: time.NewTimer(0), resetTimer: time.NewTimer(0),
	}
	c.board = newBoard(c.heard)
	if c.spool, err = spool.Open(filepath.Join(boot.GetRunDir(), spoolDir), spoolLimit); err != nil {
		stop()
		return nil, err
	}
	c.db, err = openDatabase(ctx, boot.GetDatabaseUrl(), log, func(away bool) { c.tell(outageIs{away}) }, func(err error) { end("barred", err) })
	if err != nil {
		stop()
		return nil, err
	}
	ring, err := ringOf(boot)
	if err != nil {
		stop()
		return nil, err
	}
	if ring == nil {
		log.Warn().Msg("the manager gave no key: what is kept of the device is not sealed")
	}
	c.pairs = lidstore.New(c.db.pool, boot.GetInstance(), c.db.insist)
	c.container = sealedstore.New(sqlstore.NewWithDB(c.db.lib, "postgres", newLibraryLog(log)), c.db.pool, ring, c.pairs.Adopt)
	c.mirror = mirror.New(c.db.pool, boot.GetInstance(), boot.GetGeneration(), log)
	c.mirror.OnHead(c.board.raise)
	return c, nil
}

// ending is the way out: who asked first decides the reason.
type ending struct {
	runDir     string
	generation uint64
	log        zerolog.Logger
	asked      chan struct{}

	mu    sync.Mutex
	words workerv1.LastWords
	once  sync.Once
	said  sync.Once
}

func (e *ending) ask(reason string, cause error) {
	e.once.Do(func() {
		e.mu.Lock()
		e.words = workerv1.LastWords{Generation: e.generation, Reason: reason, Code: workerv1.ExitOK}
		if cause != nil {
			e.words.Detail, e.words.Code = withoutStanzas(cause.Error()), exitFailed
			e.log.Error().Err(errors.New(e.words.Detail)).Str("reason", reason).Msg("worker must end")
		} else {
			e.log.Info().Str("reason", reason).Msg("worker ends")
		}
		e.mu.Unlock()
		close(e.asked)
	})
}

// say writes the last words once and returns the exit code.
func (e *ending) say() int {
	e.mu.Lock()
	words := e.words
	e.mu.Unlock()
	e.said.Do(func() {
		if err := writeLastWords(e.runDir, words); err != nil {
			e.log.Error().Err(err).Msg("no last words")
		}
	})
	return words.Code
}
