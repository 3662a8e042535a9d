package main

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// verdict is the outcome of a run.
type verdict struct {
	began   time.Time
	history history
	in, out direction
	answers tally          // what sends were answered with; "" is success
	fates   map[string]int // of sends that were not answered with success
	queue   queueing

	queueAnswers  tally // what requests to queue a send were answered with
	cancelAnswers tally // and to take one back

	looks   int
	twice   []string // instances that were seen to have two workers
	events  int
	streams int
	ready   time.Duration // from the last fault until every instance was ready
	rolled  time.Duration // from then until every worker was of the installed build
	givenUp []string      // upgrades that were refused when the faults were over, with their reasons
	drained time.Duration // from then until everything had arrived
	wrong   []string
}

// judgeClock finds it wrong when no step of a clock ever reached the programs.
func (v *verdict) judgeClock() {
	hits := v.history.count()
	for _, kind := range []string{clockForward, clockBack} {
		if n := v.history.missed[kind]; n > 0 && hits[kind] == 0 {
			v.fail("%s: none of %d was seen in manager and workers", kind, n)
		}
	}
}

// direction counts the messages of one.
type direction struct {
	sent, accepted, arrived, again, lost, duplicated, reordered int
}

func (v *verdict) fail(format string, args ...any) {
	v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
}

func (v *verdict) refused(state string) {
	if v.fates == nil {
		v.fates = map[string]int{}
	}
	v.fates[state]++
}

// recoveries are, per kind of fault, the times from the end of the cause until a
// message sent afterwards was at the webhook, one for each instance concerned.
func (v *verdict) recoveries() map[string][]time.Duration {
	took := map[string][]time.Duration{}
	for _, i := range v.history.all {
		for _, s := range i.who {
			if at, ok := s.through(i.over); ok {
				took[i.kind] = append(took[i.kind], at.Sub(i.over))
			}
		}
	}
	return took
}

// slowest describes the longest recoveries, for whoever wants to read the logs.
func (v *verdict) slowest(most int) []string {
	type one struct {
		took time.Duration
		text string
	}
	var all []one
	for _, i := range v.history.all {
		for _, s := range i.who {
			if at, ok := s.through(i.over); ok && at.Sub(i.over) > 5*sec {
				took := at.Sub(i.over)
				all = append(all, one{took, fmt.Sprintf("%s instance %d (%s), %s until %s, %s", i.kind, s.nr, s.id,
					i.over.Add(-i.length).UTC().Format("15:04:05.000"), i.over.UTC().Format("15:04:05.000"), took.Round(ms))})
			}
		}
	}
	slices.SortFunc(all, func(a, b one) int { return int(b.took - a.took) })
	var texts []string
	for _, o := range all[:min(most, len(all))] {
		texts = append(texts, o.text)
	}
	return texts
}

func (v *verdict) print(w io.Writer) {
	counts := v.history.count()
	took := v.recoveries()
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(out, "\nfault\tinjected\trecovery p50\tp99\tmax\n")
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		d := took[kind]
		slices.Sort(d)
		fmt.Fprintf(out, "%s\t%d\t%s\t%s\t%s\n", kind, counts[kind], quantile(d, 0.5), quantile(d, 0.99), quantile(d, 1))
	}
	fmt.Fprintf(out, "\nmessages\tsent\tarrived\tlost\tduplicated\treordered\n")
	fmt.Fprintf(out, "contact to feed and webhook\t%d\t%d\t%d\t%d\t%d\n", v.in.sent, v.in.arrived, v.in.lost,
		v.in.duplicated, v.in.reordered)
	fmt.Fprintf(out, "API to contact\t%d\t%d\t%d\t%d\t-\n", v.out.sent, v.out.arrived, v.out.lost, v.out.duplicated)
	fmt.Fprintf(out, "queue to contact, at once\t%d\t%d\t%d\t%d\t-\n", v.queue.atOnce.sent, v.queue.atOnce.arrived,
		v.queue.atOnce.lost, v.queue.atOnce.duplicated)
	fmt.Fprintf(out, "queue to contact, scheduled\t%d\t%d\t%d\t%d\t-\n", v.queue.scheduled.sent,
		v.queue.scheduled.arrived, v.queue.scheduled.lost, v.queue.scheduled.duplicated)
	fmt.Fprintf(out, "taken out of the queue\t%d\t%d\t-\t-\t-\n", v.queue.cancelled, v.queue.came)
	_ = out.Flush() // a closed terminal is no fault of the product
	fmt.Fprintf(w, "\n%d sends answered with success; fates of the others: %s\n", v.out.accepted, listed(v.fates))
	fmt.Fprintf(w, "answers to sends: %s\n", listed(v.answers.count))
	slices.Sort(v.queue.late)
	fmt.Fprintf(w, "answers to what was queued: %s; to what was taken back: %s\n",
		listed(v.queueAnswers.count), listed(v.cancelAnswers.count))
	fmt.Fprintf(w, "from due to the contact by the queue: p50 %s, p99 %s, max %s; %d went early while the clock was ahead\n",
		quantile(v.queue.late, 0.5), quantile(v.queue.late, 0.99), quantile(v.queue.late, 1), v.queue.early)
	fmt.Fprintf(w, "%d events in the feeds, streams opened %d times, %d deliveries repeated, %d looks at the processes\n", v.events, v.streams, v.in.again, v.looks)
	fmt.Fprintf(w, "found nothing to hit: %s\n", listed(v.history.missed))
	fmt.Fprintf(w, "all ready %s after the last fault, every worker of the installed build %s later, everything arrived after %s more; %s in all\n",
		v.ready.Round(ms), v.rolled.Round(ms), v.drained.Round(ms), time.Since(v.began).Round(sec))
	for _, why := range v.givenUp {
		fmt.Fprintln(w, "an upgrade was given up during the faults, and done when it was asked for again:", why)
	}
	for _, s := range v.slowest(5) {
		fmt.Fprintln(w, "slow:", s)
	}
	alike := map[string]int{}
	for _, what := range v.wrong {
		sort := numbers.ReplaceAllString(what, "n")
		if alike[sort]++; alike[sort] <= 10 { // so that the many do not hide the few
			fmt.Fprintln(w, "WRONG:", what)
		}
	}
	for _, sort := range slices.Sorted(maps.Keys(alike)) {
		if n := alike[sort]; n > 10 {
			fmt.Fprintf(w, "… and %d more like: %s\n", n-10, sort)
		}
	}
	if len(v.wrong) == 0 {
		fmt.Fprintln(w, "nothing lost, nothing twice")
	}
}

var numbers = regexp.MustCompile(`[0-9]+`)

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))].Round(ms)
}

func listed(counts map[string]int) string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		name := what
		if name == "" {
			name = "success"
		}
		parts = append(parts, fmt.Sprintf("%s × %d", name, counts[what]))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
