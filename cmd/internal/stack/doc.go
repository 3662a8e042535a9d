// Package stack runs the whole product for tests and benchmarks: real manager and
// worker processes and the private Postgres, in front of a simulator that the
// caller runs. It uses the product through its public API only, and breaks it
// through signals only. It must not import the product's packages.
package stack
