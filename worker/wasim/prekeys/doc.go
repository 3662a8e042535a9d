// Package prekeys keeps the public keys of one companion, from which others open
// Signal sessions with it. It reads what the companion uploads and gives each
// one-time key away once. It knows neither accounts nor connections.
package prekeys
