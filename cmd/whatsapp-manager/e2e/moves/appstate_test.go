package moves

import (
	"path/filepath"
	"testing"
	"time"

	"whatsapp-manager/worker/wasim"
)

// kept is how the account's owner keeps a chat, as the instance tells it.
type kept struct{ Archived, Pinned, IsMuted bool }

// keeps waits until the instance tells that of the chat.
func (s *settler) keeps(t *testing.T, with *wasim.Account, want kept) {
	t.Helper()
	ctx := deadline(t, patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var chat kept
		s.call(t, "getChatById", &chat, with.Number()+"@c.us")
		if chat == want {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the chat is kept %+v, want %+v", chat, want)
		case <-tick.C:
		}
	}
}

// The app state goes on where Baileys left it: patches of the instance reach the phone, and
// the phone's reach the instance.
func TestAppStateAfterBaileys(t *testing.T) {
	t.Parallel()
	s := start(t)
	owner, friend, other := person(t, "Owner"), person(t, "Friend"), person(t, "Other")
	folder := filepath.Join(t.TempDir(), "auth")
	before := startBot(t, folder)
	before.pair(owner)
	say(t, friend, owner.PN(), "hello bot")
	before.got("hello bot")
	before.ask(map[string]any{"do": "archive", "to": friend.PN().String(), "on": true})
	if !owner.Phone().Chat(friend.PN()).Archived {
		t.Fatal("the phone did not take the bot's patch")
	}
	before.quit()
	low, regular := owner.AppStateVersion("regular_low"), owner.AppStateVersion("regular_high")

	in := moveIn(t, s, "baileys", folder)
	if in.report.Taken["appStateVersions"] == 0 || in.report.Taken["appStateKeys"] == 0 {
		t.Errorf("the report: %+v", in.report)
	}
	in.begin(t)
	for _, from := range []*wasim.Account{friend, other} {
		say(t, from, owner.PN(), "hello instance")
	}
	in.got(t, "hello instance")

	t.Run("from the instance", func(t *testing.T) {
		in.call(t, "unarchiveChat", nil, friend.Number()+"@c.us")
		in.call(t, "pinChat", nil, friend.Number()+"@c.us")
		if got := owner.AppStateVersion("regular_low"); got != low+2 {
			t.Errorf("regular_low is at %d, want %d: the next patches after the bot's", got, low+2)
		}
		in.call(t, "muteChat", nil, friend.Number()+"@c.us")
		if got := owner.AppStateVersion("regular_high"); got != regular+1 {
			t.Errorf("regular_high is at %d, want %d: the next patch after the bot's", got, regular+1)
		}
		in.call(t, "archiveChat", nil, other.Number()+"@c.us")
		if got := owner.Phone().Chat(friend.PN()); got.Archived || !got.Pinned || !got.Muted {
			t.Errorf("on the phone the friend's chat is kept %+v", got)
		}
		if got := owner.Phone().Chat(other.PN()); !got.Archived || got.Pinned || got.Muted {
			t.Errorf("on the phone the other chat is kept %+v", got)
		}
		in.keeps(t, friend, kept{Pinned: true, IsMuted: true})
		in.keeps(t, other, kept{Archived: true})
	})
	t.Run("from the phone", func(t *testing.T) {
		ctx := deadline(t, patience)
		must(t, owner.Phone().Unmute(ctx, friend.PN()))
		must(t, owner.Phone().Archive(ctx, friend.PN(), true)) // which unpins
		must(t, owner.Phone().Archive(ctx, other.PN(), false))
		must(t, owner.Phone().Pin(ctx, other.PN(), true))
		in.keeps(t, friend, kept{Archived: true})
		in.keeps(t, other, kept{Pinned: true})
	})
}
