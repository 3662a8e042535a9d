package supervisor

import (
	"testing"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

func TestDecide(t *testing.T) {
	const id = ID("aaaaaaaaaaaa")
	identity := func(instance string, generation uint64, boot string) *workerv1.Identity {
		return &workerv1.Identity{Instance: instance, Generation: generation, PID: 7, BootID: boot}
	}
	wanted := facts{id: id, bootID: "now", known: true, desired: Run, generation: 3}
	with := func(f facts, change func(*facts)) facts { change(&f); return f }
	alive := with(wanted, func(f *facts) { f.held, f.holder = true, 7 })

	for _, tc := range []struct {
		name string
		f    facts
		want action
	}{
		{"wanted, nobody there", wanted, start},
		{"wanted, alive, still starting up", alive, adopt},
		{"wanted, alive, says who it is", with(alive, func(f *facts) { f.identity = identity(string(id), 3, "now") }), adopt},
		{"wanted, alive, row fell behind", with(alive, func(f *facts) { f.identity = identity(string(id), 4, "now") }), adopt},
		{"wanted, alive, a later start was recorded", with(alive, func(f *facts) { f.identity = identity(string(id), 2, "now") }), replace},
		{"wanted, alive, another instance's worker", with(alive, func(f *facts) { f.identity = identity("bbbbbbbbbbbb", 3, "now") }), replace},
		{"wanted, alive, attach file of another boot", with(alive, func(f *facts) { f.identity = identity(string(id), 3, "then") }), replace},
		{"wanted, alive, its run directory was deleted", with(alive, func(f *facts) { f.hidden = true }), replace},
		{"wanted, alive, the database does not let it in", with(alive, func(f *facts) { f.barred = true }), relieve},
		{"not wanted, alive, the database does not let it in", with(alive, func(f *facts) { f.barred, f.desired = true, Stop }), reap},
		{"wanted, nobody there, the last one was not let in", with(wanted, func(f *facts) { f.barred = true }), start},
		{"wanted, held by nobody we can name", with(alive, func(f *facts) { f.holder = 0 }), quarantine},
		{"not wanted, nobody there", with(wanted, func(f *facts) { f.desired = Stop }), forget},
		{"not wanted, alive", with(alive, func(f *facts) { f.desired = Stop }), reap},
		{"not wanted, alive without its run directory", with(alive, func(f *facts) { f.desired, f.hidden = Stop, true }), reap},
		{"not wanted, held by nobody we can name", with(alive, func(f *facts) { f.desired, f.holder = Stop, 0 }), quarantine},
		{"no row, nobody there", with(wanted, func(f *facts) { f.known = false }), forget},
		{"no row, alive", with(alive, func(f *facts) { f.known = false }), reap},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := decide(tc.f); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
