// Package composetest lets a test in the simulator's process send any message in one line.
// Another program asks package client.
package composetest
