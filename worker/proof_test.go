package worker_test

import (
	"os"
	"path/filepath"
	"testing"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim"
)

// forger is another tenant's instance. It holds a device's address that the world's
// account is about to get, as an import of a forged file leaves it.
func (w *world) forger(address string) *world {
	w.t.Helper()
	dir, err := os.MkdirTemp("", "wam")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	i := &instance{t: w.t, ctx: w.ctx, id: "forgerforger", dir: dir, log: filepath.Join(w.t.TempDir(), "log"), url: w.url, in: w.in}
	i.exec("insert into users (id, email, password_hash, role, created_at) values ('u2', 'f@example.org', '', 'user', now())")
	i.exec(`insert into instances (id, owner_id, name, desired, created_at, updated_at) values ($1, 'u2', 'two', 'run', now(), now())`, i.id)
	i.exec("insert into feeds (instance_id) values ($1) on conflict do nothing", i.id)
	i.boot = &workerv1.Bootstrap{ // without a key that seals: what is sealed cannot be forged by a row
		Version: 1, Instance: i.id, Node: filepath.Base(dir), RunDir: dir,
		WhatsappEndpoint: w.boot.GetWhatsappEndpoint(), MemoryLimitBytes: 512 << 20, LogLevel: "debug", DeviceName: "Forger",
	}
	f := &world{instance: i, sim: w.sim, bob: w.bob, account: w.person("15550000666", "Forger", wasim.AccountOptions{})}
	p, device := f.paired()
	if _, err := p.Stop(w.ctx, &workerv1.StopRequest{}); err != nil {
		w.t.Fatal(err)
	}
	p.exited()
	i.exec("update whatsmeow.whatsmeow_device set jid = $1 where jid = $2", address, device.JID().String())
	i.exec("update devices set jid = $1, proven = false where instance_id = $2", address, i.id)
	i.exec("update instances set device_jid = $1 where id = $2", address, i.id)
	return f
}

// next is the address of the device that the account gets next.
func (w *world) next() string { return w.account.Number() + ":1@s.whatsapp.net" }

// tookOver checks that the world's instance has its device, and nothing of the file.
func (w *world) tookOver(device *wasim.Device) {
	w.t.Helper()
	if device.JID().String() != w.next() || w.deviceJID() != w.next() {
		w.t.Fatalf("the device is %s, and in the database %s", device.JID(), w.deviceJID())
	}
	w.say("to the owner")
	w.received("to the owner")
}

func TestAPairingTakesOverWhatAFileHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	f := w.forger(w.next())
	p, device := w.paired()
	w.tookOver(device)
	if !value[bool](w.instance, "select proven from devices where instance_id = $1", w.id) {
		t.Error("a paired device is not proven")
	}
	// The loser is told, also after a restart, and links an account of its own.
	for range 2 {
		fp := f.start().attach()
		link := fp.state(loggedOut)
		if link.GetReason() != "device_taken" || link.GetJid() != "" || link.GetLinking().GetStep() != workerv1.LinkStep_LINK_STEP_FAILED ||
			link.GetLinking().GetProblem().GetCode() != "device_taken" {
			t.Errorf("the loser's link: %v", link)
		}
		if _, err := fp.Stop(w.ctx, &workerv1.StopRequest{}); err != nil {
			t.Fatal(err)
		}
		fp.exited()
	}
	fp := f.start().attach()
	fp.state(loggedOut)
	if _, err := fp.Pair(w.ctx, &workerv1.PairRequest{}); err != nil {
		t.Fatal(err)
	}
	f.scan(fp)
	fp.state(online)
	if device.Logins() != 1 {
		t.Errorf("the owner logged in %d times", device.Logins())
	}
	p.state(online)
}

func TestAWorkerThatRunsGivesUpATakenDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	f := w.forger(w.next())
	f.boot.WhatsappEndpoint = offline // WhatsApp would refuse it
	f.env = append(f.env, silence+"=6s")
	fp := f.start().attach()
	if link := fp.link("the forged device", func(l *workerv1.Link) bool { return l.GetJid() != "" }); link.GetState() != connecting {
		t.Errorf("the forger's link: %v", link)
	}
	_, device := w.paired()
	if link := fp.state(loggedOut); link.GetReason() != "device_taken" || link.GetJid() != "" {
		t.Errorf("the loser's link: %v", link)
	}
	w.tookOver(device)
	w.eventually("the loser's event", func() bool {
		events := f.events()
		return len(events) > 0 && events[len(events)-1] == "disconnected"
	})
}

// WhatsApp refuses a forged device at its login, and its address is free.
func TestAForgedLoginFreesTheAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	f := w.forger(w.next())
	if link := f.start().attach().state(loggedOut); link.GetReason() != "logged_out" {
		t.Errorf("the forger's link: %v", link)
	}
	w.eventually("the address is free", func() bool {
		return value[int](w.instance, "select count(*)::int from devices where jid = $1", w.next()) == 0
	})
	_, device := w.paired()
	w.tookOver(device)
}

func TestTheFirstLoginProvesADevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	p, _ := w.paired()
	if _, err := p.Stop(w.ctx, &workerv1.StopRequest{}); err != nil {
		t.Fatal(err)
	}
	p.exited()
	w.exec("update devices set proven = false") // as an import leaves it
	p = w.start().attach()
	p.state(online)
	w.eventually("the proof", func() bool { return value[bool](w.instance, "select proven from devices where instance_id = $1", w.id) })
	w.say("after the proof")
	w.received("after the proof")
}
