package relay

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/shape"
)

// TestSettingsThatLoseARace: whatsmeow tries a second time and gives up then.
func TestSettingsThatLoseARace(t *testing.T) {
	r := newRig(t)
	r.synced()
	bob := r.contact("15550000002", "Bob")
	chat := "15550000002@c.us"
	r.say(bob, "hello")
	r.sim.LoseRaces(5)
	if !ask[bool](r, "archiveChat", chat) || !ask[shape.Chat](r, "getChatById", chat).Archived {
		t.Error("not archived")
	}
	r.eventually("archived on the phone", func() bool { return r.me.Phone().Chat(bob.PN()).Archived })

	r.sim.LoseRaces(1000)
	var f *fault.Error
	if _, err := r.try("", "unarchiveChat", chat); !errors.As(err, &f) || f.Kind != fault.Unavailable || f.Code != "app_state_conflict" || f.RetryAfter == 0 {
		t.Errorf("a race that is always lost: %v", err)
	}
	if !ask[shape.Chat](r, "getChatById", chat).Archived {
		t.Error("the mirror has what WhatsApp refused")
	}
	r.sim.Heal()
	ask[bool](r, "unarchiveChat", chat)
}

// TestSettingsAtTheSameTime: calls and the phone write into one collection.
func TestSettingsAtTheSameTime(t *testing.T) {
	r := newRig(t)
	r.synced()
	const n = 6
	chats := make([]string, n)
	for i := range chats {
		number := fmt.Sprint(15550000010 + i)
		r.say(r.contact(number, "contact"), "hello")
		chats[i] = number + "@c.us"
	}
	var all sync.WaitGroup
	for _, chat := range chats {
		all.Go(func() {
			if _, err := r.try("", "archiveChat", chat); err != nil {
				t.Errorf("archive %s: %v", chat, err)
			}
		})
		all.Go(func() {
			phone := r.me.Phone()
			if err := phone.Mute(r.ctx, r.me.PN(), time.Now().Add(time.Hour)); err != nil {
				t.Errorf("mute on the phone: %v", err)
			}
			if err := phone.Archive(r.ctx, r.me.PN(), true); err != nil {
				t.Errorf("archive on the phone: %v", err)
			}
		})
	}
	all.Wait()
	for _, chat := range chats {
		if !ask[shape.Chat](r, "getChatById", chat).Archived {
			t.Errorf("%s is not archived", chat)
		}
	}
	r.eventually("all archived on the phone", func() bool {
		for i := range chats {
			jid := r.me.PN()
			jid.User = fmt.Sprint(15550000010 + i)
			if !r.me.Phone().Chat(jid).Archived {
				return false
			}
		}
		return true
	})
}
