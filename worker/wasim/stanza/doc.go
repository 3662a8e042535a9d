// Package stanza builds and reads what the simulator's parts have in common:
// answers to requests and their refusals, acknowledgements, copies of messages.
// It holds no state and knows neither accounts nor connections.
package stanza
