// Package relaytest is what the tests of the methods work with: a paired account on
// a simulator with a real database (Rig), and a table without any connection
// (Offline). It is for tests only.
package relaytest
