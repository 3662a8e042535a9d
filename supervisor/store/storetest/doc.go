// Package storetest gives tests a real Postgres with our schema: one private
// server per test binary, made at first use, and a fresh database per test.
//
// The server is kept by a guard, a second process of the test binary that
// ends it and deletes its files when the pipe from the test breaks. So nothing
// stays behind when a test panics, runs into its timeout or is killed.
//
// Importing it outside of tests is wrong: it acts on the environment variable
// that turns a process into a guard.
package storetest
