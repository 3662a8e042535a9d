package relay_test

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
	r.Synced()
	bob := r.Contact("15550000002", "Bob")
	chat := "15550000002@c.us"
	r.Say(bob, "hello")
	r.Sim.LoseRaces(5)
	if !ask[bool](r, "archiveChat", chat) || !ask[shape.Chat](r, "getChatById", chat).Archived {
		t.Error("not archived")
	}
	r.Eventually("archived on the phone", func() bool { return r.Me.Phone().Chat(bob.PN()).Archived })

	r.Sim.LoseRaces(1000)
	var f *fault.Error
	if _, err := r.Try("", "unarchiveChat", chat); !errors.As(err, &f) || f.Kind != fault.Unavailable || f.Code != "app_state_conflict" || f.RetryAfter == 0 {
		t.Errorf("a race that is always lost: %v", err)
	}
	if !ask[shape.Chat](r, "getChatById", chat).Archived {
		t.Error("the mirror has what WhatsApp refused")
	}
	r.Sim.Heal()
	ask[bool](r, "unarchiveChat", chat)
}

// TestSettingsAtTheSameTime: calls and the phone write into one collection.
func TestSettingsAtTheSameTime(t *testing.T) {
	r := newRig(t)
	r.Synced()
	const n = 6
	chats := make([]string, n)
	for i := range chats {
		number := fmt.Sprint(15550000010 + i)
		r.Say(r.Contact(number, "contact"), "hello")
		chats[i] = number + "@c.us"
	}
	var all sync.WaitGroup
	for _, chat := range chats {
		all.Go(func() {
			if _, err := r.Try("", "archiveChat", chat); err != nil {
				t.Errorf("archive %s: %v", chat, err)
			}
		})
		all.Go(func() {
			phone := r.Me.Phone()
			if err := phone.Mute(r.Ctx, r.Me.PN(), time.Now().Add(time.Hour)); err != nil {
				t.Errorf("mute on the phone: %v", err)
			}
			if err := phone.Archive(r.Ctx, r.Me.PN(), true); err != nil {
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
	r.Eventually("all archived on the phone", func() bool {
		for i := range chats {
			jid := r.Me.PN()
			jid.User = fmt.Sprint(15550000010 + i)
			if !r.Me.Phone().Chat(jid).Archived {
				return false
			}
		}
		return true
	})
}
