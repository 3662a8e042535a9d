// Package stack runs the whole product for tests and benchmarks: real manager
// and worker processes, the embedded Postgres, and the simulator in the
// caller's process. It drives the product through its public API only, and
// faults through signals.
package stack
