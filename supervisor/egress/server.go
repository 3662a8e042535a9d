package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"whatsapp-manager/proto/egress"
	"whatsapp-manager/proto/netguard"
	"whatsapp-manager/proto/peercred"
)

// Limits bound what workers get. Zero fields take the defaults named here.
type Limits struct {
	PerWorker int           // connections of one instance at a time: twice egress.Places, since those that end take a moment
	All       int           // connections of all: 256
	Rate      rate.Limit    // new connections of one instance a second, with a burst of four seconds: 50
	Down, Up  int64         // bytes of one connection, to the worker and from it: 2.1 GiB, 4 MiB
	Ask       time.Duration // until the request is there: 5 s
	Dial      time.Duration // until the far end is connected: 10 s
	Idle      time.Duration // without a byte in either direction: 30 s
	Life      time.Duration // of a connection, and of each 16 MiB that it carries to the worker: 2 min
}

func (l Limits) withDefaults() Limits {
	set(&l.PerWorker, 2*egress.Places)
	set(&l.All, 256)
	set(&l.Rate, 50)
	set(&l.Down, 2150<<20) // the largest file that is fetched, and what TLS adds
	set(&l.Up, 4<<20)
	set(&l.Ask, 5*time.Second)
	set(&l.Dial, 10*time.Second)
	set(&l.Idle, 30*time.Second)
	set(&l.Life, 2*time.Minute)
	return l
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Server gives connections to workers. Use New.
type Server struct {
	limits  Limits
	allowed []netip.Prefix
	admit   func(*unix.Ucred) (instance string, ok bool)
	log     zerolog.Logger

	all     chan struct{} // a place for each connection there is
	mu      sync.Mutex
	workers map[string]*worker // guarded by mu
}

// worker is what one instance uses. It is kept while it has a connection, or had
// one in the last moments, so that its rate is not forgotten.
type worker struct {
	open int // guarded by the server's mu
	pace *rate.Limiter
	seen time.Time // guarded by the server's mu
}

// forgetAfter is longer than a full rate takes to be at its burst again.
const forgetAfter = 10 * time.Second

// New returns a server that connects to public addresses and to allowed
// networks. admit names the instance whose worker a process is; it is called for
// each connection, from any goroutine. It starts nothing.
func New(limits Limits, allowed []netip.Prefix, admit func(*unix.Ucred) (string, bool), log zerolog.Logger) *Server {
	limits = limits.withDefaults()
	return &Server{limits: limits, allowed: allowed, admit: admit, log: log, all: make(chan struct{}, limits.All), workers: map[string]*worker{}}
}

// Listen opens the socket at path, in place of one that an earlier manager left.
// The owner and the members of group may connect; a negative group changes nothing.
// The directory must be one that nobody else may write to.
func Listen(path string, group int) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove old egress socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open egress socket: %w", err)
	}
	mode := fs.FileMode(0o600)
	if group >= 0 {
		mode = 0o660
		err = os.Chown(path, -1, group)
	}
	if err = errors.Join(err, os.Chmod(path, mode)); err != nil {
		l.Close()
		return nil, fmt.Errorf("protect egress socket: %w", err)
	}
	return l, nil
}

// Serve answers until ctx ends. It closes l and returns when all connections are
// closed.
func (s *Server) Serve(ctx context.Context, l *net.UnixListener) {
	var conns sync.WaitGroup
	defer conns.Wait()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	defer l.Close()
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Most likely no descriptor is free. Workers in the queue are served later.
			s.log.Warn().Err(err).Msg("egress takes no connection")
			select {
			case <-ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		instance, ok := s.known(conn)
		if !ok {
			_ = conn.Close()
			continue
		}
		leave, ok := s.enter(instance)
		if !ok {
			// The answer fits into the socket's buffer, so this write does not wait.
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = conn.Write([]byte{byte(egress.Busy)})
			_ = conn.Close()
			continue
		}
		conns.Go(func() {
			defer leave()
			defer conn.Close()
			s.serve(ctx, conn)
		})
	}
}

func (s *Server) known(conn *net.UnixConn) (instance string, ok bool) {
	cred, err := peercred.Of(conn)
	if err != nil {
		s.log.Warn().Err(err).Msg("egress cannot tell who asks")
		return "", false
	}
	if instance, ok = s.admit(cred); !ok {
		s.log.Warn().Int32("pid", cred.Pid).Uint32("uid", cred.Uid).Msg("egress was asked by a process that is no worker")
	}
	return instance, ok
}

// enter takes a place for the instance, or says that there is none.
func (s *Server) enter(instance string) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for name, w := range s.workers {
		if w.open == 0 && now.Sub(w.seen) > forgetAfter {
			delete(s.workers, name)
		}
	}
	w := s.workers[instance]
	if w == nil {
		w = &worker{pace: rate.NewLimiter(s.limits.Rate, max(1, int(4*s.limits.Rate)))}
		s.workers[instance] = w
	}
	w.seen = now
	if w.open >= s.limits.PerWorker || !w.pace.Allow() {
		return nil, false
	}
	select {
	case s.all <- struct{}{}:
	default:
		return nil, false
	}
	w.open++
	return func() {
		s.mu.Lock()
		w.open--
		s.mu.Unlock()
		<-s.all
	}, true
}

// serve is one connection of a worker.
func (s *Server) serve(ctx context.Context, conn *net.UnixConn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	life := time.AfterFunc(s.limits.Life, cancel)
	defer life.Stop()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	_ = conn.SetDeadline(time.Now().Add(s.limits.Ask))
	address, err := egress.ReadRequest(conn)
	if err != nil {
		if errors.Is(err, egress.ErrMalformed) {
			_, _ = conn.Write([]byte{byte(egress.Malformed)})
		}
		return
	}
	_ = conn.SetDeadline(time.Now().Add(s.limits.Dial + s.limits.Ask))
	far, err := netguard.Dialer(s.limits.Dial, s.allowed).DialContext(ctx, "tcp", address)
	if err != nil {
		answer := egress.Unreachable
		if errors.Is(err, netguard.ErrInternal) {
			answer = egress.Internal
		}
		_, _ = conn.Write([]byte{byte(answer)})
		return
	}
	defer far.Close()
	defer context.AfterFunc(ctx, func() { _ = far.SetDeadline(time.Unix(1, 0)) })()
	if _, err := conn.Write([]byte{byte(egress.Connected)}); err != nil {
		return
	}
	s.pass(ctx, conn, far.(*net.TCPConn), life)
}

// livelyPart is how many bytes to the worker give a connection another Life: a large
// file takes long, and a place that is hardly used is for others.
const livelyPart = 16 << 20

// pass carries bytes until the worker has closed, a side failed, or a bound is
// reached. When the far end stops sending, the worker sees the end of the stream.
func (s *Server) pass(ctx context.Context, near *net.UnixConn, far *net.TCPConn, life *time.Timer) {
	end := func() { near.Close(); far.Close() }
	idle := time.AfterFunc(s.limits.Idle, end)
	defer idle.Stop()
	_ = near.SetDeadline(time.Time{})
	_ = far.SetDeadline(time.Time{})
	if ctx.Err() != nil { // its end may have come before the deadlines were taken away
		return
	}
	alive := func(int64) { idle.Reset(s.limits.Idle) }
	var carried int64
	lively := func(n int64) {
		alive(n)
		if carried += n; carried >= livelyPart {
			carried -= livelyPart
			life.Reset(s.limits.Life)
		}
	}
	var up sync.WaitGroup
	up.Go(func() {
		carry(far, near, s.limits.Up, alive)
		end()
	})
	if carry(near, far, s.limits.Down, lively) {
		_ = near.CloseWrite()
	} else {
		end()
	}
	up.Wait()
}

// carry copies to the end of from, and reports false when it did not get there.
func carry(to io.Writer, from io.Reader, limit int64, alive func(n int64)) bool {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			alive(int64(n))
			if limit -= int64(n); limit < 0 {
				return false
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return false
			}
		}
		if err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}
