package worker_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/wasim"
)

// world is a simulator with one account to pair with and a contact who writes.
type world struct {
	*instance
	sim     *wasim.Server
	account *wasim.Account
	bob     *wasim.Account
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	return newWorldWith(t, url, wasim.AccountOptions{Chats: 2, Messages: 3})
}

// newWorldWith is newWorld with a past of the account's own.
func newWorldWith(t *testing.T, url string, past wasim.AccountOptions) *world {
	t.Helper()
	sim := &wasim.Server{Log: zerolog.Nop()}
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sim.Run(running) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("simulator: %v", err)
		}
	})
	<-sim.Started()
	w := &world{sim: sim, instance: newInstance(t, url, sim.Endpoint())}
	w.account = w.person("15550000001", "Alice", past)
	w.bob = w.person("15550000999", "Bob", wasim.AccountOptions{})
	return w
}

func (w *world) person(number, name string, o wasim.AccountOptions) *wasim.Account {
	w.t.Helper()
	a, err := w.sim.CreateAccount(number, name, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// scan pairs the worker with the code it shows.
func (w *world) scan(p *process) *wasim.Device {
	w.t.Helper()
	link := p.link("a code", func(l *workerv1.Link) bool { return l.GetQr() != "" })
	if err := w.account.ScanQR(w.ctx, link.GetQr()); err != nil {
		w.t.Fatalf("scan: %v", err)
	}
	devices := w.account.Devices()
	return devices[len(devices)-1]
}

// paired starts a worker and pairs it.
func (w *world) paired() (*process, *wasim.Device) {
	w.t.Helper()
	p := w.start().attach()
	device := w.scan(p)
	p.state(online)
	if err := device.WaitIdle(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	return p, device
}

func (w *world) say(text string) {
	w.t.Helper()
	if _, err := w.bob.Phone().SendText(w.ctx, w.account.PN(), text); err != nil {
		w.t.Fatalf("send %q: %v", text, err)
	}
}

// events lists the feed: the type of each event, or the body of a message.
func (w *world) events() []string {
	w.t.Helper()
	return value[[]string](w.instance, `select coalesce(array_agg(case when type = 'message' then 'message ' || (payload->'args'->0->>'body') else type end order by seq), '{}')
		from events where instance_id = $1 and type not in ('change_state', 'loading_screen', 'link')`, w.id)
}

func (w *world) bodies() map[string]int {
	count := make(map[string]int)
	for _, e := range w.events() {
		if body, ok := strings.CutPrefix(e, "message "); ok {
			count[body]++
		}
	}
	return count
}

// received waits until the feed has each text and checks that it has it once.
func (w *world) received(texts ...string) {
	w.t.Helper()
	w.eventually("all texts in the feed", func() bool {
		got := w.bodies()
		for _, text := range texts {
			if got[text] == 0 {
				return false
			}
		}
		return true
	})
	got := w.bodies()
	log, err := os.ReadFile(w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, text := range texts {
		if got[text] != 1 {
			w.t.Errorf("%q is in the feed %d times", text, got[text])
		}
		if strings.Contains(string(log), text) {
			w.t.Errorf("%q is in the log", text)
		}
	}
	if seqs := value[bool](w.instance, "select count(*) = max(seq) and max(seq) = (select head from feeds where instance_id = $1) from events where instance_id = $1", w.id); !seqs {
		w.t.Error("the feed has gaps")
	}
}

func (w *world) deviceJID() string {
	return value[string](w.instance, "select device_jid from instances where id = $1", w.id)
}
