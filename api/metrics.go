package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"whatsapp-manager/api/route"
)

// metrics counts requests by the template of their route: never by path, where
// keys and ids stand.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	flight   prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wam_http_requests_total", Help: "Requests answered."}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wam_http_request_duration_seconds", Help: "Time from the request's head to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"method", "route"}),
		flight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "wam_http_requests_in_flight", Help: "Requests being answered now."}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.flight} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// occupancy shows how full the house is.
func (s *Server) occupancy(reg prometheus.Registerer) error {
	if reg == nil {
		return nil
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	counter := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value)
	}
	for _, c := range []prometheus.Collector{
		gauge("wam_http_connections", "Open connections.", func() float64 { return float64(s.house.Counts().Open) }),
		gauge("wam_http_connections_limit", "Most connections at a time.", func() float64 { return float64(s.house.Limits().All) }),
		counter("wam_http_connections_evicted_total", "Connections closed to make room for others.", func() float64 { return float64(s.house.Counts().Evicted) }),
		counter("wam_http_connections_refused_total", "Connections told that there is no room.", func() float64 { return float64(s.house.Counts().Refused) }),
		gauge("wam_http_memory_bytes", "Memory counted for the requests under way.", func() float64 { used, _ := s.bodies.memory.Used(); return float64(used) }),
		gauge("wam_http_memory_peak_bytes", "The most there ever was of it.", func() float64 { _, peak := s.bodies.memory.Used(); return float64(peak) }),
		gauge("wam_http_memory_limit_bytes", "The most there may be of it.", func() float64 { return float64(s.bodies.memory.Limit()) }),
	} {
		if err := reg.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}

func (m *metrics) inFlight(delta float64) { m.flight.Add(delta) }

func (m *metrics) observe(method, route string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other" // anyone can invent methods; each would be a series
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(method, route).Observe(took.Seconds())
}

func (s *Server) metricsRoute(r *route.Router, gatherer prometheus.Gatherer) {
	if gatherer == nil {
		return
	}
	s.echo.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{})))
	r.Document(&huma.Operation{
		OperationID: "metrics", Method: http.MethodGet, Path: "/metrics", Summary: "Figures for Prometheus", Tags: []string{"Health"},
		Responses: map[string]*huma.Response{"200": {Description: "Prometheus' text format", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}}}},
	})
}
