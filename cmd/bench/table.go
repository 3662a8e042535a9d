package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// table collects the figures of one measurement.
type table struct {
	name string
	rows [][4]string
}

func newTable(name string) *table { return &table{name: name} }

// row adds a figure, the baseline's figure of the same run, and a reference
// point measured elsewhere; empty where there is none.
func (t *table) row(what, figure, baseline, reference string) {
	t.rows = append(t.rows, [4]string{what, figure, baseline, reference})
}

func (t *table) print(w io.Writer, took time.Duration) {
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(out, "\n%s (%.0f s)\tmeasured\tbaseline\treference\n", t.name, took.Seconds())
	for _, r := range t.rows {
		fmt.Fprintf(out, "  %s\t%s\t%s\t%s\n", r[0], r[1], r[2], r[3])
	}
	_ = out.Flush() // a closed terminal is not a failed measurement
}

// quantile of durations, which it sorts.
func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, int(q*float64(len(d))))]
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000)
}

// latencies prints the two quantiles everything here is judged by.
func latencies(d []time.Duration) string {
	return fmt.Sprintf("p50 %s  p99 %s", ms(quantile(d, 0.5)), ms(quantile(d, 0.99)))
}

func rate(n int, took time.Duration) string {
	return fmt.Sprintf("%.0f/s", float64(n)/took.Seconds())
}
