package moves

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"
	_ "modernc.org/sqlite"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
)

// plain is a program like many: an unmodified whatsmeow client on its own SQLite store.
type plain struct {
	*whatsmeow.Client
	t    *testing.T
	lib  *sqlstore.Container
	web  *http.Transport
	told *journal[any]
}

// open opens the store at path, and takes its first device, or a new one.
func open(t *testing.T, path string) *plain {
	t.Helper()
	ctx := deadline(t, patience)
	lib, err := sqlstore.New(ctx, "sqlite", "file:"+path+"?_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)", waLog.Noop)
	must(t, err)
	device, err := lib.GetFirstDevice(ctx)
	must(t, err)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, sim.Address())
	}
	p := &plain{
		Client: whatsmeow.NewClient(device, waLog.Noop), t: t, lib: lib, told: newJournal[any](),
		web: &http.Transport{DialContext: dial, DialTLSContext: dial},
	}
	web := &http.Client{Transport: p.web}
	p.SetWebsocketHTTPClient(web)
	p.SetPreLoginHTTPClient(web)
	p.SetMediaHTTPClient(web)
	p.EnableDecryptedEventBuffer = true
	p.AddEventHandler(p.told.add)
	return p
}

// quit ends the program properly.
func (p *plain) quit() {
	p.t.Helper()
	p.Disconnect()
	p.web.CloseIdleConnections()
	must(p.t, p.lib.Close())
}

// await returns the first event that fits, past or future.
func await[T any](p *plain, what string, fits func(T) bool) T {
	p.t.Helper()
	event := p.told.await(p.t, what, func(event any) bool {
		e, ok := event.(T)
		return ok && (fits == nil || fits(e))
	})
	return event.(T)
}

func (p *plain) got(text string) {
	p.t.Helper()
	await(p, "message "+text, func(m *events.Message) bool {
		return m.Message.GetConversation() == text || m.Message.GetExtendedTextMessage().GetText() == text
	})
}

func (p *plain) send(to types.JID, text string) {
	p.t.Helper()
	_, err := p.SendMessage(deadline(p.t, patience), to, &waE2E.Message{Conversation: proto.String(text)})
	must(p.t, err)
}

// pair links the program with an account and waits until everything that follows is over.
func (p *plain) pair(a *wasim.Account) *wasim.Device {
	p.t.Helper()
	ctx := deadline(p.t, patience)
	must(p.t, p.ConnectContext(ctx))
	must(p.t, a.ScanQR(ctx, await[*events.QR](p, "QR", nil).Codes[0]))
	d := p.online(a)
	for _, name := range appstate.AllPatchNames {
		await(p, "app state "+string(name), func(e *events.AppStateSyncComplete) bool { return e.Name == name })
	}
	return d
}

func (p *plain) online(a *wasim.Account) *wasim.Device {
	p.t.Helper()
	await[*events.Connected](p, "Connected", nil)
	d := a.Device(p.Store.ID.Device)
	must(p.t, d.WaitIdle(deadline(p.t, patience)))
	return d
}

// A program on whatsmeow's SQLite store ends, and an instance goes on as the same device:
// messages both ways, a group with its sender keys, the app state where it was. Then the
// instance leaves for a SQLite file again, and the program goes on.
func TestWhatsmeowOnSQLite(t *testing.T) {
	t.Parallel()
	s := start(t)
	owner, friend := person(t, "Owner"), person(t, "Friend")
	store := filepath.Join(t.TempDir(), "store.db")
	before := open(t, store)
	before.pair(owner)
	device := before.Store.ID.String()
	group, err := sim.CreateGroup("Club", owner, friend)
	must(t, err)

	say(t, friend, owner.PN(), "hello program")
	before.got("hello program")
	before.send(friend.PN(), "hello friend")
	heard(t, friend, "hello friend")
	say(t, friend, group, "hello club")
	before.got("hello club")
	before.send(group, "hello from the program")
	heard(t, friend, "hello from the program")
	must(t, before.SendAppState(deadline(t, patience), appstate.BuildArchive(friend.PN(), true, time.Now(), nil)))
	state := owner.AppStateVersion("regular_low")
	before.quit()
	friend.Phone().Forget(0) // what came before is of no interest
	say(t, friend, owner.PN(), "while nobody was there")

	in := moveIn(t, s, "whatsmeow-sqlite", store)
	if in.report.Device != device || in.report.Name != "Owner" || in.report.Taken["sessions"] == 0 || in.report.Taken["senderKeys"] == 0 || in.report.Taken["appStateVersions"] == 0 {
		t.Errorf("the report: %+v", in.report)
	}
	in.begin(t)
	if got := owner.Devices(); len(got) != 1 || got[0].JID() != *before.Store.ID {
		t.Errorf("the devices are %v, want %s alone", got, device)
	}
	in.got(t, "while nobody was there")
	say(t, friend, group, "still the old sender key")
	in.got(t, "still the old sender key")
	in.send(t, friend.Number()+"@c.us", "here I am again")
	heard(t, friend, "here I am again")
	in.send(t, group.String(), "and in the club")
	heard(t, friend, "and in the club")
	var chat struct{ Archived bool }
	in.call(t, "getChatById", &chat, friend.Number()+"@c.us")
	if !chat.Archived {
		t.Error("the chat is not archived any more")
	}
	in.call(t, "Chat.unarchive", nil, friend.Number()+"@c.us")
	if got := owner.AppStateVersion("regular_low"); got != state+1 {
		t.Errorf("the app state is at %d, want %d: the next patch after the program's", got, state+1)
	}
	nobodyAsked(t, friend)

	// And out again.
	out := filepath.Join(t.TempDir(), "out.db")
	in.moveOut(t, "whatsmeow-sqlite", out)
	friend.Phone().Forget(0)
	say(t, friend, owner.PN(), "on the way out")
	after := open(t, out)
	defer after.quit()
	if after.Store.ID == nil || after.Store.ID.String() != device {
		t.Fatalf("the file holds %v, want %s", after.Store.ID, device)
	}
	must(t, after.ConnectContext(deadline(t, patience)))
	after.online(owner)
	after.got("on the way out")
	say(t, friend, group, "the same sender key as ever")
	after.got("the same sender key as ever")
	after.send(friend.PN(), "out again")
	heard(t, friend, "out again")
	after.send(group, "out again, to the club")
	heard(t, friend, "out again, to the club")
	nobodyAsked(t, friend)
}

// An account goes through the neutral form, and its keys fit as before.
func TestNeutralForm(t *testing.T) {
	t.Parallel()
	s := start(t)
	owner, friend := person(t, "Owner"), person(t, "Friend")
	store, neutral := filepath.Join(t.TempDir(), "store.db"), filepath.Join(t.TempDir(), "account.json")
	before := open(t, store)
	before.pair(owner)
	group, err := sim.CreateGroup("Club", owner, friend)
	must(t, err)
	say(t, friend, owner.PN(), "hello")
	before.got("hello")
	before.send(friend.PN(), "hello friend")
	heard(t, friend, "hello friend")
	say(t, friend, group, "hello club")
	before.got("hello club")
	before.send(group, "hello all")
	heard(t, friend, "hello all")
	before.quit()
	friend.Phone().Forget(0)

	first := moveIn(t, s, "whatsmeow-sqlite", store)
	first.moveOut(t, "wa-store-migrate", neutral)
	must(t, s.Client.Want(deadline(t, patience), http.StatusNoContent, http.MethodDelete, "/api/instances/"+first.id, nil, nil))
	second := moveIn(t, s, "wa-store-migrate", neutral)
	for _, kind := range []string{"preKeys", "sessions", "senderKeys", "appStateKeys", "appStateVersions", "identities", "lidPairs"} {
		if second.report.Taken[kind] != first.report.Taken[kind] {
			t.Errorf("%s: %d came in, and %d went out", kind, second.report.Taken[kind], first.report.Taken[kind])
		}
	}
	second.begin(t)
	say(t, friend, owner.PN(), "still here")
	second.got(t, "still here")
	say(t, friend, group, "the same sender key")
	second.got(t, "the same sender key")
	second.send(t, friend.Number()+"@c.us", "as ever")
	heard(t, friend, "as ever")
	second.send(t, group.String(), "as ever, to the club")
	heard(t, friend, "as ever, to the club")
	nobodyAsked(t, friend)
}

// The former program was not ended. The first login that is replaced is shown, and ours
// steps back: it does not fight for the connection.
func TestTheFormerProgramIsStillThere(t *testing.T) {
	t.Parallel()
	s := start(t)
	owner, friend := person(t, "Owner"), person(t, "Friend")
	store := filepath.Join(t.TempDir(), "store.db")
	before := open(t, store)
	device := before.pair(owner)
	before.quit()
	in := moveIn(t, s, "whatsmeow-sqlite", store)
	in.begin(t)

	again := open(t, store)
	must(t, again.ConnectContext(deadline(t, patience)))
	ctx := deadline(t, patience)
	shown, err := s.Client.Until(ctx, in.id, "replaced", func(i stack.Instance) bool { return i.LinkReason == "stream_replaced" })
	must(t, err)
	if shown.Link != "refused" || shown.LinkDetail == "" {
		t.Errorf("the instance shows %+v", shown)
	}
	again.online(owner)
	logins := device.Logins()
	say(t, friend, owner.PN(), "who is there?")
	again.got("who is there?")
	if n := device.Logins(); n != logins || !again.IsConnected() {
		t.Errorf("%d logins, then %d: ours came back by itself", logins, n)
	}
	again.quit()
	must(t, s.Client.Want(ctx, http.StatusAccepted, http.MethodPost, "/api/instances/"+in.id+"/restart", nil, nil))
	_, err = s.Client.Ready(ctx, in.id)
	must(t, err)
}
