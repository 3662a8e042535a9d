package wasim

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// lifecycle is what runs on behalf of a server: requests, connections and background
// work, all of which has ended when the server's Run returns. Its zero value is that
// of a server that has not started.
type lifecycle struct {
	mu          sync.Mutex
	closing     bool
	base        context.Context // ends with Run; nil before
	connections map[*connection]struct{}
	running     sync.WaitGroup
}

// begin gives background work its context.
func (l *lifecycle) begin(base context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.base = base
}

// end breaks all connections, admits nothing new and waits for what runs.
func (l *lifecycle) end() {
	l.mu.Lock()
	l.closing = true
	open := slices.Collect(maps.Keys(l.connections))
	l.mu.Unlock()
	for _, one := range open {
		one.conn.Reset()
	}
	l.running.Wait()
}

// open is the number of open connections.
func (l *lifecycle) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.connections)
}

// add registers a connection, and reports whether the server still serves.
func (l *lifecycle) add(c *connection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.connections == nil {
		l.connections = make(map[*connection]struct{})
	}
	l.connections[c] = struct{}{}
	return !l.closing
}

func (l *lifecycle) remove(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.connections, c)
}

// counted lets end wait for requests, and thus for connections.
func (l *lifecycle) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		if l.closing {
			l.mu.Unlock()
			http.Error(w, "closing", http.StatusServiceUnavailable)
			return
		}
		l.running.Add(1)
		l.mu.Unlock()
		defer l.running.Done()
		next.ServeHTTP(w, r)
	})
}

// background runs f in a goroutine for which end waits. It returns false, and does
// nothing, while the server does not run.
func (l *lifecycle) background(f func(context.Context)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing || l.base == nil {
		return false
	}
	ctx := l.base
	l.running.Go(func() {
		f(ctx)
	})
	return true
}
