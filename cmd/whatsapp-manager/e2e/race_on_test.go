//go:build race

package e2e

// raceDetector tells that the race detector is built in, whose shadow memory
// does not fit below a worker's RLIMIT_DATA.
const raceDetector = true
