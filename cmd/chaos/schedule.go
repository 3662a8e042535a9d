package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// fault is one thing that will go wrong.
type fault struct {
	at     time.Duration // since the first one may happen; later when its track is busy
	kind   string
	victim int           // number of the instance; -1: everybody
	length time.Duration // of what lasts
	count  int           // of what repeats
	step   time.Duration // of a clock
}

func (f fault) String() string {
	who := "all"
	if f.victim >= 0 {
		who = fmt.Sprint("instance ", f.victim)
	}
	text := fmt.Sprintf("%8s  %-20s %-12s length %s count %d", f.at.Round(time.Millisecond), f.kind, who,
		f.length.Round(time.Millisecond), f.count)
	if f.step != 0 {
		text += fmt.Sprint(" step ", f.step)
	}
	return text
}

// kind describes a sort of fault.
type kind struct {
	name     string
	weight   int
	shortest time.Duration
	longest  time.Duration
	most     int // of count
	steps    []time.Duration
	ends     bool          // the worker ends, which the restart budget counts
	atLeast  time.Duration // runs shorter than this are spared
}

// track is a row of faults that are injected one after the other. Different
// tracks overlap, which is where the interesting accidents are.
type track struct {
	name  string
	every time.Duration // between two, on average
	one   bool          // victim is one instance
	kinds []kind
}

const (
	managerKill    = "manager kill -9"
	upgradeReload  = "upgrade"
	upgradeRestart = "upgrade restart"
	clockForward   = "clock forward"
	clockBack      = "clock back"
	managerTerm    = "manager SIGTERM"
	postgresFast   = "postgres fast"
	postgresHard   = "postgres immediate"
	diskFull       = "disk full"
	workerKill     = "worker kill -9"
	workerStop     = "worker SIGSTOP"
	workerLeak     = "worker leak"
	linkDrop       = "link reset"
	linkTear       = "link torn frame"
	linkClose      = "link closed"
	linkStall      = "link stalls"
	linkHole       = "link black hole"
	linkGarbage    = "link garbage"
	linkDelay      = "link slow"
	linkError      = "stream error"
	linkEnd        = "stream end"
	linkRepeat     = "frame repeated"
	loginRefused   = "login refused"
	noWebsocket    = "websocket refused"
	ackLost        = "acks lost"
	hookSlow       = "webhook slow"
	hookFail       = "webhook 5xx"
	hookHang       = "webhook hangs"
	hookDown       = "webhook down"
	apiLoad        = "api load"
	linkPasskey    = "link by passkey"
)

const (
	ms  = time.Millisecond
	sec = time.Second

	// The run within `make test` is shorter.
	aMinute = time.Minute
)

func tracks() []track {
	return []track{
		{name: "host", every: 6 * sec, kinds: []kind{
			{name: managerKill, weight: 5, longest: 1500 * ms},
			{name: managerTerm, weight: 3, longest: 1500 * ms},
			{name: postgresFast, weight: 2},
			{name: postgresHard, weight: 2},
			{name: diskFull, weight: 2, shortest: sec, longest: 5 * sec},
			{name: upgradeReload, weight: 2},
			{name: upgradeRestart, weight: 1, longest: 1500 * ms, atLeast: aMinute},
		}},
		{name: "worker", every: 3 * sec, one: true, kinds: []kind{
			{name: workerKill, weight: 6, ends: true},
			{name: workerStop, weight: 3, shortest: 500 * ms, longest: 6 * sec, ends: true},
			{name: workerLeak, weight: 1, ends: true},
		}},
		{name: "link", every: 1500 * ms, one: true, kinds: []kind{
			{name: linkDrop, weight: 4},
			{name: linkTear, weight: 3},
			{name: linkClose, weight: 2},
			{name: linkStall, weight: 3, shortest: 500 * ms, longest: 6 * sec},
			// Found by what does not come, which takes longer than a short run has.
			{name: linkHole, weight: 1, atLeast: 110 * sec},
			{name: linkGarbage, weight: 2, most: 64},
			{name: linkDelay, weight: 2, shortest: sec, longest: 5 * sec},
			{name: linkError, weight: 2},
			{name: linkEnd, weight: 1},
			{name: linkRepeat, weight: 3},
			{name: loginRefused, weight: 2, most: 3},
			{name: noWebsocket, weight: 1, most: 3},
			{name: ackLost, weight: 2, most: 2},
		}},
		{name: "client", every: 6 * sec, kinds: []kind{
			{name: hookSlow, weight: 2, shortest: sec, longest: 5 * sec},
			{name: hookFail, weight: 2, shortest: sec, longest: 5 * sec},
			{name: hookHang, weight: 2, shortest: sec, longest: 5 * sec},
			{name: hookDown, weight: 2, shortest: sec, longest: 5 * sec},
			{name: apiLoad, weight: 2, shortest: sec, longest: 4 * sec},
		}},
		// Not a fault by itself: a person links one more account meanwhile.
		{name: "newcomer", every: 15 * sec, kinds: []kind{{name: linkPasskey, weight: 1, most: mishaps}}},
		{name: "clock", every: 15 * sec, kinds: []kind{
			// For this every package is compiled anew, which is no matter of seconds.
			{
				name: clockForward, weight: 1, shortest: 2 * sec, longest: 10 * sec,
				steps: []time.Duration{3 * time.Minute, time.Hour, 26 * time.Hour}, atLeast: aMinute,
			},
			{
				name: clockBack, weight: 1, shortest: 2 * sec, longest: 10 * sec,
				steps: []time.Duration{-3 * time.Minute, -time.Hour, -26 * time.Hour}, atLeast: aMinute,
			},
		}},
	}
}

// plan is the schedule of a run by track.
type plan map[string][]fault

func (p plan) sorted() []fault {
	var all []fault
	for _, l := range tracks() {
		all = append(all, p[l.name]...)
	}
	slices.SortStableFunc(all, func(a, b fault) int { return cmp.Compare(a.at, b.at) })
	return all
}

func (p plan) has(kinds ...string) bool {
	for _, faults := range p {
		if slices.ContainsFunc(faults, func(f fault) bool { return slices.Contains(kinds, f.kind) }) {
			return true
		}
	}
	return false
}

// A worker whose instance has spent its restart budget stays down for minutes,
// as it should. The schedule keeps below, so that a run which does not come back
// shows a fault of the product.
const (
	mostEnds   = 4
	endsWithin = 10 * time.Minute
)

// schedule draws the faults of a run. It depends on the options only. Every kind
// of a track comes once, in random order, before chance decides alone.
func schedule(o options) plan {
	p := plan{}
	for n, l := range tracks() {
		dice := rand.New(rand.NewPCG(o.seed, uint64(n)))
		kinds := slices.DeleteFunc(slices.Clone(l.kinds), func(k kind) bool {
			return o.length < k.atLeast || len(o.only) > 0 && !slices.Contains(o.only, k.name)
		})
		if len(kinds) == 0 {
			continue
		}
		first := dice.Perm(len(kinds))
		ended := map[int][]time.Duration{}
		at := time.Duration(dice.Int64N(int64(l.every)))
		for at < o.length {
			k := kinds[pick(dice, kinds)]
			if len(first) > 0 {
				k, first = kinds[first[0]], first[1:]
			}
			f := fault{at: at, kind: k.name, victim: -1}
			f.length = k.shortest
			if k.longest > k.shortest {
				f.length += time.Duration(dice.Int64N(int64(k.longest - k.shortest)))
			}
			if k.most > 0 {
				f.count = 1 + dice.IntN(k.most)
			}
			if len(k.steps) > 0 {
				f.step = k.steps[dice.IntN(len(k.steps))]
			}
			ok := true
			if l.one {
				f.victim = dice.IntN(o.instances)
			}
			if k.ends {
				f.victim, ok = spare(ended, f.victim, o.instances, at)
			}
			if ok {
				p[l.name] = append(p[l.name], f)
			}
			at += l.every/2 + time.Duration(dice.Int64N(int64(l.every)))
		}
	}
	return p
}

func pick(dice *rand.Rand, kinds []kind) int {
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := dice.IntN(total)
	for i, k := range kinds {
		if n -= k.weight; n < 0 {
			return i
		}
	}
	return len(kinds) - 1
}

// spare finds the first instance from victim on whose worker may end once more.
func spare(ended map[int][]time.Duration, victim, instances int, at time.Duration) (int, bool) {
	for i := range instances {
		v := (victim + i) % instances
		ended[v] = slices.DeleteFunc(ended[v], func(t time.Duration) bool { return at-t > endsWithin })
		if len(ended[v]) < mostEnds {
			ended[v] = append(ended[v], at)
			return v, true
		}
	}
	return 0, false
}
