//go:build race

package worker_test

// raceDetector tells that the race detector is built in, whose shadow memory
// is several times what a program takes itself.
const raceDetector = true
