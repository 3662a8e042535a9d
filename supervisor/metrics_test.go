package supervisor

import (
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// What a worker says that it could not open becomes one counter for each kind, and the
// zeros are left out.
func TestWhatAWorkerCouldNotOpenIsCounted(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.CollectorFunc(func(ch chan<- prometheus.Metric) {
		present{}.closed(ch, Status{ID: "i1", Unreadable: &workerv1.Unreadable{Votes: 3, EventResponses: 1}})
		present{}.closed(ch, Status{ID: "i2"})
	}))
	families, err := reg.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "wam_worker_unreadable_total" {
		t.Fatalf("gathered %v, %v", families, err)
	}
	got := map[string]float64{}
	for _, m := range families[0].GetMetric() {
		key := ""
		for _, l := range m.GetLabel() {
			key += l.GetName() + "=" + l.GetValue() + " "
		}
		got[key] = m.GetCounter().GetValue()
	}
	want := map[string]float64{"instance=i1 kind=vote ": 3, "instance=i1 kind=event_response ": 1}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
