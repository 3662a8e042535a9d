package sealedstore

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/seal"
)

var (
	mine  = types.NewADJID("15550000001", 0, 7)
	other = types.NewADJID("15550000002", 0, 3)
	lid   = types.JID{User: "99001", Server: types.HiddenUserServer, Device: 7}
	bob   = types.NewJID("15550000009", types.DefaultUserServer)
	bobs  = types.NewJID("88009", types.HiddenUserServer)
)

func TestNothingSecretStandsOpen(t *testing.T) {
	d := newTestDB(t)
	secrets := used(t, pair(t, d.container(nil).NewDevice(), other))
	if found := d.shows(secrets); len(found) != len(secrets) {
		t.Fatalf("without seals only %d of %d are found: the test sees too little: %q", len(found), len(secrets), found)
	}
	ring := seal.NewRing().Instance("one")
	device := pair(t, d.container(ring).NewDevice(), mine)
	secrets = used(t, device)
	if found := d.shows(secrets); len(found) > 0 {
		t.Errorf("stand open: %q", found)
	}
	knows(t, device, secrets)
	// Another process.
	again, err := d.container(ring).GetDevice(t.Context(), mine)
	must(t, err)
	knows(t, again, secrets)
	// A change of what may change leaves the keys.
	again.PushName = "me too"
	must(t, again.Save(t.Context()))
	again, err = d.container(ring).GetDevice(t.Context(), mine)
	must(t, err)
	if again.PushName != "me too" || again.LID != lid {
		t.Errorf("saved again: %q, %v", again.PushName, again.LID)
	}
	again.PushName = "me"
	knows(t, again, secrets)
	if nobody, err := d.container(ring).GetDevice(t.Context(), bob); nobody != nil || err != nil {
		t.Errorf("a device that there is not: %v, %v", nobody, err)
	}
	// whatsmeow moves what it has of a person's number to their LID.
	must(t, again.Sessions.MigratePNToLID(t.Context(), bob, bobs))
	session, err := again.Sessions.GetSession(t.Context(), bobs.SignalAddressUser()+":1")
	if err != nil || !bytes.Equal(session, secrets["session"]) {
		t.Errorf("a session that moved: %v", err)
	}
	key, err := again.SenderKeys.GetSenderKey(t.Context(), "g@g.us", bobs.SignalAddressUser()+":1")
	if err != nil || !bytes.Equal(key, secrets["sender key"]) {
		t.Errorf("a sender key that moved: %v", err)
	}
	must(t, again.Delete(t.Context()))
	if n := strings.Count(d.rows()["whatsmeow_device"], "\n"); n != 0 || strings.Contains(d.rows()["whatsmeow_sessions"], mine.String()) {
		t.Error("a deleted device left something")
	}
}

// Seals cost microseconds, and no statement.
func TestSealsTakeNoStatement(t *testing.T) {
	d := newTestDB(t)
	count := func(c *Container, jid types.JID) int64 {
		before := d.said.Load()
		device := pair(t, c.NewDevice(), jid)
		secrets := used(t, device)
		knows(t, device, secrets)
		again, err := c.GetDevice(t.Context(), jid)
		must(t, err)
		knows(t, again, secrets)
		return d.said.Load() - before
	}
	without := count(d.container(nil), other)
	// Without a key it is asked whether there is one.
	if with := count(d.container(seal.NewRing().Instance("one")), mine); with != without-1 || with < 40 {
		t.Errorf("%d statements with seals, %d without", with, without)
	}
}

// A device from before is sealed when it is loaded; one that is sealed with an
// older key is sealed anew. Neither loses anything.
func TestOpenAndOlderDevicesAreSealed(t *testing.T) {
	d := newTestDB(t)
	secrets := used(t, pair(t, d.container(nil).NewDevice(), mine))
	for i := range 2 * page { // more than is held at once
		d.exec("insert into whatsmeow_message_secrets values ($1, 'c', 's', $2, $3)", mine.String(), fmt.Sprint("X", i), fmt.Appendf(nil, "secret of X%d", i))
	}
	first := seal.NewRing()
	second, err := first.Rotated()
	must(t, err)
	third := second.Only(func(string) bool { return false })
	for step, ring := range []*seal.Ring{first, second, third, third} {
		device, err := d.container(ring.Instance("one")).GetDevice(t.Context(), mine)
		must(t, err)
		knows(t, device, secrets)
		if found := d.shows(secrets); len(found) > 0 {
			t.Errorf("step %d: stand open: %q", step, found)
		}
		for _, id := range []string{"X0", fmt.Sprint("X", page), fmt.Sprint("X", 2*page-1)} {
			var kept []byte
			must(t, d.pool.QueryRow(t.Context(), "select key from whatsmeow_message_secrets where message_id = $1", id).Scan(&kept))
			if by, _ := seal.KeyOf(kept); by != ring.ID() {
				t.Errorf("step %d: %s is sealed with %q", step, id, by)
			}
			if got, err := ring.Instance("one").Device(mine.String()).Open("whatsmeow_message_secrets", kept, id); err != nil || string(got) != "secret of "+id {
				t.Errorf("step %d: %s opens as %q, %v", step, id, got, err)
			}
		}
		// A key that came in between is sealed with the present key, too.
		list, err := device.PreKeys.GetOrGenPreKeys(t.Context(), 6)
		must(t, err)
		for _, k := range list {
			secrets[fmt.Sprint("pre key ", k.KeyID)] = k.Priv[:]
		}
	}
}

// Whoever stops the sealing in its midst has stopped all of it.
func TestSealingIsAllOrNothing(t *testing.T) {
	d := newTestDB(t)
	secrets := used(t, pair(t, d.container(nil).NewDevice(), mine))
	before := d.rows()
	ring := seal.NewRing().Instance("one")
	d.exec("create function no_more() returns trigger language plpgsql as $$ begin raise exception 'no more' using errcode = '57014'; end $$")
	d.exec("create trigger no_more before update on whatsmeow_retry_buffer execute function no_more()") // the last table
	if _, err := d.container(ring).GetDevice(t.Context(), mine); err == nil {
		t.Fatal("the sealing was not stopped")
	}
	if after := d.rows(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("a sealing that was stopped has changed something")
	}
	d.exec("drop trigger no_more on whatsmeow_retry_buffer")
	device, err := d.container(ring).GetDevice(t.Context(), mine)
	must(t, err)
	knows(t, device, secrets)
}

func TestWhatDoesNotBelongDoesNotOpen(t *testing.T) {
	d := newTestDB(t)
	ring := seal.NewRing()
	a, b := d.container(ring.Instance("a")), d.container(ring.Instance("b"))
	secrets := used(t, pair(t, a.NewDevice(), mine))
	theirs := pair(t, b.NewDevice(), other)
	used(t, theirs)
	before := d.rows()
	for name, c := range map[string]*Container{
		"no key": d.container(nil), "another installation's key": d.container(seal.NewRing().Instance("a")), "another instance's key": b,
	} {
		t.Run(name, func(t *testing.T) {
			if device, err := c.GetDevice(t.Context(), mine); device != nil || !errors.Is(err, ErrKey) {
				t.Errorf("%s: %v, %v", name, device, err)
			}
		})
	}
	// What was there before: it would take zeros for keys.
	if device, err := d.lib.GetDevice(t.Context(), mine); err == nil {
		t.Errorf("a build without seals goes on with %v", device.ID)
	}
	if fmt.Sprint(d.rows()) != fmt.Sprint(before) {
		t.Error("trying has changed something")
	}

	// Rows swapped by whoever writes to the database.
	for name, tc := range map[string]struct {
		swap string
		read func() error
	}{
		"session": {
			"update whatsmeow_sessions x set session = y.session from whatsmeow_sessions y where x.our_jid = $1 and y.our_jid = $2 and y.their_id = x.their_id",
			func() error {
				_, err := theirs.Sessions.GetSession(t.Context(), bob.User+":1")
				return err
			},
		},
		"sender key of another group": {
			"update whatsmeow_sender_keys x set chat_id = 'other@g.us' where x.our_jid = $1 and $2 <> ''",
			func() error {
				_, err := theirs.SenderKeys.GetSenderKey(t.Context(), "other@g.us", bob.User+":1")
				return err
			},
		},
		"secret of another message": {
			"update whatsmeow_message_secrets x set key = y.key from whatsmeow_message_secrets y where x.our_jid = $1 and y.our_jid = $1 and x.message_id = 'M1' and y.message_id = 'M2' and $2 <> ''",
			func() error {
				_, _, err := theirs.MsgSecrets.GetMessageSecret(t.Context(), bob, bob, "M1")
				return err
			},
		},
		"planted session": {
			"update whatsmeow_sessions set session = '\\x0102' where our_jid = $1 and $2 <> ''",
			func() error {
				_, err := theirs.Sessions.GetManySessions(t.Context(), []string{bob.User + ":2"})
				return err
			},
		},
		"keys of another device": {
			"update whatsmeow_device x set adv_key = y.adv_key from whatsmeow_device y where x.jid = $1 and y.jid = $2",
			func() error {
				_, err := b.GetDevice(t.Context(), other)
				return err
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d.exec(tc.swap, other.String(), mine.String())
			if err := tc.read(); err == nil {
				t.Errorf("%s: it opens", name)
			}
		})
	}
	device, err := a.GetDevice(t.Context(), mine)
	must(t, err)
	knows(t, device, secrets)
}
