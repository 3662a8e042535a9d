//go:build race

package main

// raceDetector tells that this program carries the race detector. Its shadow
// memory is more than a worker may have, so it does not play the worker.
const raceDetector = true
