package supervisor

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/rollout"
)

// metrics are what an operator watches. Labels have few values: reasons are
// ours, not the workers' own words.
type metrics struct {
	restarts   *prometheus.CounterVec
	exits      *prometheus.CounterVec
	rejected   *prometheus.CounterVec
	calls      *prometheus.CounterVec
	callTime   *prometheus.HistogramVec
	dropped    prometheus.Counter
	nearLimit  prometheus.Counter
	adopted    prometheus.Counter
	recovery   prometheus.Gauge
	reapedKids prometheus.Counter
	renewed    prometheus.Counter
	refused    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, s *Supervisor) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "wam", Name: name, Help: help}, labels)
	}
	one := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "wam", Name: name, Help: help})
	}
	m := &metrics{
		restarts: counter("worker_restarts_total", "Starts that nobody asked for, by why the worker before had ended.", "reason"),
		exits:    counter("worker_exits_total", "Ends of worker processes, by why.", "reason"),
		rejected: counter("worker_transitions_ignored_total", "Events that came too late for the state of their instance.", "state", "event"),
		calls:    counter("worker_calls_total", "Calls to workers, by method and fault kind.", "method", "kind"),
		callTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "wam", Name: "worker_call_seconds", Help: "Duration of calls to workers.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}, []string{"method"}),
		dropped:    one("store_writes_dropped_total", "Records of supervision that the store refused or that waited too long."),
		nearLimit:  one("worker_memory_warnings_total", "Times a worker passed 85 % of its memory limit."),
		adopted:    one("workers_adopted_total", "Live workers taken over from an earlier manager."),
		recovery:   prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "wam", Name: "recovery_seconds", Help: "From the start of recovery until every instance had an answer."}),
		reapedKids: one("zombies_reaped_total", "Zombie workers that nobody waited for."),
		renewed:    one("workers_upgraded_total", "Workers that came back with the installed build after they were replaced for it."),
		refused:    one("worker_builds_refused_total", "Builds of the worker that were given up because a worker did not come back."),
	}
	for _, c := range []prometheus.Collector{m.restarts, m.exits, m.rejected, m.calls, m.callTime, m.dropped, m.nearLimit, m.adopted, m.recovery, m.reapedKids, m.renewed, m.refused, present{s}} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) called(method string, kind fault.Kind, took time.Duration) {
	if kind == "" {
		kind = "ok"
	}
	m.calls.WithLabelValues(method, string(kind)).Inc()
	m.callTime.WithLabelValues(method).Observe(took.Seconds())
}

// present collects what is true at the moment of the scrape from the statuses.
type present struct{ s *Supervisor }

var (
	workersDesc = prometheus.NewDesc("wam_workers", "Instances by the state of their process.", []string{"state"}, nil)
	rssDesc     = prometheus.NewDesc("wam_worker_rss_bytes", "Resident memory of a worker.", []string{"instance"}, nil)
	upgradeDesc = prometheus.NewDesc("wam_worker_upgrade", "1 for the state of the way to the installed build of the worker.", []string{"state"}, nil)
	datedDesc   = prometheus.NewDesc("wam_workers_outdated", "Workers of another build than the one installed.", nil, nil)
	closedDesc  = prometheus.NewDesc("wam_worker_unreadable_total", "Parts of messages that a worker could not open since it started: no known secret fits.", []string{"instance", "kind"}, nil)
	cpuDesc     = prometheus.NewDesc("wam_worker_cpu_percent", "CPU of a worker since the look before, 100 is one core.", []string{"instance"}, nil)
)

func (present) Describe(ch chan<- *prometheus.Desc) {
	ch <- workersDesc
	ch <- rssDesc
	ch <- cpuDesc
	ch <- closedDesc
	ch <- upgradeDesc
	ch <- datedDesc
}

func (p present) Collect(ch chan<- prometheus.Metric) {
	count := map[State]int{Stopped: 0, Starting: 0, Running: 0, Detached: 0, Stopping: 0, Backoff: 0, Failed: 0}
	for _, st := range p.s.Statuses() {
		count[st.State]++
		if st.Proc.PID != 0 {
			ch <- prometheus.MustNewConstMetric(rssDesc, prometheus.GaugeValue, float64(st.RSSBytes), string(st.ID))
			p.closed(ch, st)
			ch <- prometheus.MustNewConstMetric(cpuDesc, prometheus.GaugeValue, st.CPUPercent, string(st.ID))
		}
	}
	p.rollout(ch)
	for state, n := range count {
		ch <- prometheus.MustNewConstMetric(workersDesc, prometheus.GaugeValue, float64(n), string(state))
	}
}

// closed says what a worker could not open, by kinds that are ours.
func (present) closed(ch chan<- prometheus.Metric, st Status) {
	for kind, n := range map[string]uint64{
		"vote": st.Unreadable.GetVotes(), "reaction": st.Unreadable.GetReactions(), "comment": st.Unreadable.GetComments(),
		"event_response": st.Unreadable.GetEventResponses(), "edit": st.Unreadable.GetEdits(),
	} {
		if n > 0 {
			ch <- prometheus.MustNewConstMetric(closedDesc, prometheus.CounterValue, float64(n), string(st.ID), kind)
		}
	}
}

func (p present) rollout(ch chan<- prometheus.Metric) {
	u := p.s.Rollout()
	for _, state := range rollout.States() {
		is := 0.0
		if u.State == state {
			is = 1
		}
		ch <- prometheus.MustNewConstMetric(upgradeDesc, prometheus.GaugeValue, is, string(state))
	}
	ch <- prometheus.MustNewConstMetric(datedDesc, prometheus.GaugeValue, float64(u.Outdated))
}
