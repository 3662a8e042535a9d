package e2e

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/worker/wasim"
)

// shutOut is one of the ways in which WhatsApp no longer lets an account in.
type shutOut struct {
	name                 string
	play                 func(*linked, *wasim.Device)
	status, link, reason string
	until                bool
	act                  string // what the owner does about it

	l      *linked
	before stack.Instance
}

func (c *shutOut) is(in stack.Instance) bool {
	return in.Status == c.status && in.State == "running" && in.Link == c.link && in.LinkReason == c.reason
}

// shown waits until the API shows the state with its reason, on the old worker.
func (c *shutOut) shown(t *testing.T) {
	t.Helper()
	in, err := c.l.stack.Client.Until(deadline(t, 30*time.Second), c.l.id, c.name, c.is)
	must(t, err)
	if in.LinkDetail == "" || in.PID != c.before.PID || in.RestartCount != 0 {
		t.Errorf("%s: %+v", c.name, in)
	}
	if end, err := time.Parse(time.RFC3339, in.LinkUntil); c.until != (err == nil) || c.until &&
		(time.Until(end) > time.Hour || time.Until(end) < 50*time.Minute) {
		t.Errorf("%s: until %q", c.name, in.LinkUntil)
	}
}

// Whom WhatsApp shuts out, in each of its ways: the instance says so and why,
// dials no more, keeps what it has, also when another manager takes over, and
// comes back when its owner acts.
// Not parallel: it counts all connections to the simulator.
func TestWhomWhatsAppShutsOut(t *testing.T) {
	s := start(t)
	writer := person(t, "Erin", wasim.AccountOptions{})
	cases := []*shutOut{
		{
			name: "logged out", play: func(_ *linked, d *wasim.Device) { d.LogOut() }, status: "disconnected",
			link: "logged_out", reason: "logged_out", act: "pair",
		},
		{
			name: "banned", play: func(l *linked, d *wasim.Device) { l.TemporaryBan(101, time.Hour, 1000); d.Drop() },
			status: "error", link: "refused", reason: "temporary_ban", until: true, act: "start",
		},
		{
			name: "outdated", play: func(l *linked, d *wasim.Device) { l.RefuseLogin(405, 1000); d.Drop() }, status: "error",
			link: "refused", reason: "client_outdated", act: "restart",
		},
		{
			name: "replaced", play: func(_ *linked, d *wasim.Device) { d.ReplaceStream() }, status: "error", link: "refused",
			reason: "stream_replaced", act: "start",
		},
	}
	const answered = 2 // of them are told so when they dial again
	for _, c := range cases {
		c.l = link(t, s, person(t, c.name, wasim.AccountOptions{Chats: 2, Messages: 3}))
		say(t, writer, c.l.PN(), "before")
		eventually(t, 20*time.Second, "the text", func() bool { return count(c.l.events(t), "message", "before") == 1 })
		must(t, c.l.Devices()[0].WaitIdle(deadline(t, 10*time.Second)))
		var err error
		c.before, err = s.Client.Instance(t.Context(), c.l.id)
		must(t, err)
	}
	dialled := sim.Dialled()
	for _, c := range cases {
		c.play(c.l, c.l.Devices()[0])
	}
	for _, c := range cases {
		c.shown(t)
		eventually(t, 10*time.Second, "the event", func() bool {
			// What there is to do, and what it means for the number, are told after it.
			events := slices.DeleteFunc(c.l.events(t), func(e stack.Event) bool {
				return e.Event == linking.Event || e.Event == "number_health"
			})
			return events[len(events)-1].Event == "disconnected"
		})
		answer, err := s.Client.Do(t.Context(), http.MethodPost, "/api/instances/"+c.l.id+"/send",
			map[string]any{"chatId": wid(writer), "content": "no"})
		must(t, err)
		if answer.Status < 400 {
			t.Errorf("%s: a send was answered with %d %s", c.name, answer.Status, answer.Body)
		}
	}

	// A loop would dial every few seconds, so this is watched for a while.
	quiet := time.Now().Add(10 * time.Second)
	s.KillManager()
	must(t, s.StartManager())
	must(t, s.Ready(deadline(t, time.Minute)))
	for more := true; more; more = time.Now().Before(quiet) {
		for _, c := range cases {
			c.shown(t)
			readable(t, c.l, writer)
		}
	}
	if n := sim.Dialled() - dialled; n != answered {
		t.Errorf("%d connections were dialled, want %d", n, answered)
	}

	for _, c := range cases {
		c.l.Heal()
		say(t, writer, c.l.PN(), "meanwhile")
		if c.act == "pair" {
			qr, err := s.Client.QR(deadline(t, 30*time.Second), c.l.id)
			must(t, err)
			must(t, c.l.ScanQR(deadline(t, 30*time.Second), qr))
		} else {
			must(t, s.Client.Want(t.Context(), http.StatusAccepted, http.MethodPost,
				"/api/instances/"+c.l.id+"/"+c.act, nil, nil))
		}
		in, err := s.Client.Ready(deadline(t, time.Minute), c.l.id)
		must(t, err)
		if in.LinkReason != "" || in.LinkUntil != "" || in.RestartCount != 0 {
			t.Errorf("%s, back: %+v", c.name, in)
		}
		readable(t, c.l, writer)
		say(t, writer, c.l.PN(), "after")
		eventually(t, 20*time.Second, "the text", func() bool { return count(c.l.events(t), "message", "after") == 1 })
		if c.act != "pair" && count(c.l.events(t), "message", "meanwhile") != 1 {
			t.Errorf("%s: what was written meanwhile did not come", c.name)
		}
	}
}

// readable checks that the chats and the text are there, for the API's methods too.
func readable(t *testing.T, l *linked, with *wasim.Account) {
	t.Helper()
	var chats struct {
		Chats []any `json:"chats"`
	}
	must(t, l.stack.Client.Want(t.Context(), http.StatusOK, http.MethodGet, "/api/instances/"+l.id+"/chats", nil, &chats))
	if len(chats.Chats) < 3 {
		t.Errorf("%d chats, want two of the history and one of the text", len(chats.Chats))
	}
	var messages []stack.Message
	l.call(t, "Chat.fetchMessages", &messages, wid(with), map[string]any{"limit": 50})
	for _, m := range messages {
		if m.Body == "before" {
			return
		}
	}
	t.Errorf("the text is not among %d messages", len(messages))
}
