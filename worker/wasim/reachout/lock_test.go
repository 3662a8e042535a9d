package reachout_test

import (
	"testing"
	"time"

	"whatsapp-manager/worker/wasim/reachout"
)

func TestALockForbidsNewChatsUntilItsEnd(t *testing.T) {
	var l reachout.Lock
	now := time.Unix(1_800_000_000, 0)
	for _, step := range []struct {
		name string
		do   func()
		at   time.Time
		want bool
	}{
		{"open", func() {}, now, false},
		{"closed", func() { l.Close(now.Add(time.Hour)) }, now, true},
		{"another one wrote", func() { l.Hear("2") }, now, true},
		{"run out", func() {}, now.Add(time.Hour), false},
		{"the person wrote", func() { l.Hear("1") }, now, false},
		{"opened", func() { l.Close(time.Time{}) }, now, false},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.do()
			if got := l.Forbids("1", step.at); got != step.want {
				t.Errorf("forbids: %v", got)
			}
		})
	}
}
