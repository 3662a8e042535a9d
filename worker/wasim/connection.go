package wasim

import (
	"context"
	"strconv"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/faults"
	"whatsapp-manager/worker/wasim/passkey"
	"whatsapp-manager/worker/wasim/wire"
)

// connection is the life of one connection: of an unpaired client or of a device.
type connection struct {
	server *Server
	conn   *wire.Conn
	device *Device // after login

	mu        sync.Mutex
	answers   map[string]chan *waBinary.Node
	finish    chan *waBinary.Node // companion_finish of pairing by code
	link      *linkRequest
	ceremony  *passkey.Ceremony // the last one
	closer    *time.Timer
	available bool
}

func newConnection(s *Server, conn *wire.Conn) *connection {
	return &connection{
		server: s, conn: conn,
		answers: make(map[string]chan *waBinary.Node), finish: make(chan *waBinary.Node, 1),
	}
}

// run serves the connection until it ends.
func (c *connection) run(ctx context.Context) {
	s := c.server
	serving := s.life.add(c)
	defer func() {
		c.conn.Reset()
		c.conn.Wait()
		s.life.remove(c)
		s.pairings.drop(c)
		c.endCeremony()
		c.stopCloser()
		if c.device != nil {
			c.device.detach(c)
		}
	}()
	if !serving {
		return
	}
	log := s.Log.With().Uint64("connection", c.conn.ID).Logger()
	if c.conn.Payload.Username == nil {
		c.offerPairing()
	} else if !c.login() {
		// The refusal is queued. The client hangs up, or the deadline ends the wait.
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		for {
			if _, err := c.conn.Recv(ctx); err != nil {
				return
			}
		}
	}
	log.Debug().Bool("paired", c.device != nil).Msg("connected")
	for {
		node, err := c.conn.Recv(ctx)
		if err != nil {
			log.Debug().Err(err).Msg("disconnected")
			return
		}
		c.handle(node)
	}
}

func (c *connection) handle(node *waBinary.Node) {
	if node.Tag == "iq" {
		if kind, _ := node.Attrs["type"].(string); kind == "result" || kind == "error" {
			c.answer(node)
			return
		}
	}
	if c.device == nil {
		if node.Tag == "iq" {
			c.handleUnpaired(node)
		}
		return
	}
	c.server.router.handle(origin{account: c.device.account, number: c.device.number, connection: c}, *node)
}

// request sends an iq of the server and returns where its answer will come.
func (c *connection) request(attrs waBinary.Attrs, child waBinary.Node) <-chan *waBinary.Node {
	id := c.server.router.nextID()
	answer := make(chan *waBinary.Node, 1)
	c.mu.Lock()
	c.answers[id] = answer
	c.mu.Unlock()
	attrs["id"], attrs["from"] = id, types.ServerJID
	c.conn.Send(waBinary.Node{Tag: "iq", Attrs: attrs, Content: []waBinary.Node{child}})
	return answer
}

func (c *connection) answer(node *waBinary.Node) {
	id, _ := node.Attrs["id"].(string)
	c.mu.Lock()
	answer := c.answers[id]
	delete(c.answers, id)
	c.mu.Unlock()
	if answer != nil {
		answer <- node
	}
}

// closeSoon ends the connection after a second if the client has not done so.
func (c *connection) closeSoon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closer == nil {
		c.closer = time.AfterFunc(time.Second, c.conn.Close)
	}
}

func (c *connection) stopCloser() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closer != nil {
		c.closer.Stop()
	}
}

// login checks who a client says it is, and greets or refuses it. The only credential
// is the Noise key that was stored at pairing.
func (c *connection) login() bool {
	s := c.server
	number := strconv.FormatUint(c.conn.Payload.GetUsername(), 10)
	account := s.Account(number)
	var device *Device
	if account != nil {
		device = account.Device(uint16(c.conn.Payload.GetDevice()))
	}
	if device == nil || device.noise != c.conn.Static {
		c.refuse(faults.Refusal{Reason: 401})
		return false
	}
	if refusal, planned := device.faults().TakeLogin(); planned {
		c.refuse(refusal)
		return false
	}
	previous, ok := device.attach(c)
	if !ok {
		c.refuse(faults.Refusal{Reason: 401})
		return false
	}
	c.device = device
	if previous != nil {
		previous.replaced()
	}
	c.conn.Send(waBinary.Node{Tag: "success", Attrs: waBinary.Attrs{
		"t":   time.Now().Unix(),
		"lid": device.LID(),
		// Guesses: clients read neither.
		"creation": device.linked.Unix(),
		"location": "sim",
	}})
	return true
}

// replaced tells a connection that another connection of the same device took over.
// The close must not follow at once: whatsmeow handles stanzas in the background
// and would take it for a lost connection.
func (c *connection) replaced() {
	c.conn.Send(conflict("replaced"))
	c.closeSoon()
}

func (c *connection) refuse(r faults.Refusal) {
	attrs := waBinary.Attrs{"reason": r.Reason, "location": "sim"}
	if r.Ban != 0 {
		attrs["code"] = r.Ban
		attrs["expire"] = int(r.Expire.Seconds())
	}
	c.conn.Send(waBinary.Node{Tag: "failure", Attrs: attrs})
	if r.Reason >= 500 {
		// A client only waits for the close; after the other reasons it hangs up.
		c.conn.Finish()
	}
}

func conflict(kind string) waBinary.Node {
	attrs := waBinary.Attrs{}
	if kind == "device_removed" {
		attrs["code"] = "401"
	}
	return waBinary.Node{Tag: "stream:error", Attrs: attrs, Content: []waBinary.Node{{
		Tag: "conflict", Attrs: waBinary.Attrs{"type": kind},
	}}}
}
