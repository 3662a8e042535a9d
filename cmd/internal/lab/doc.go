// Package lab holds what every program and test around a whole installation
// needs: a directory with freshly built programs, a simulator in this process,
// and instances that are paired with the simulator's accounts.
//
// It must not know what is measured, broken or attacked; its callers do. The
// installation itself is package stack.
package lab
