//go:build race

package supervisor_test

// raceDetector tells that the race detector is built in, which maps shadow memory
// that counts against a worker's RLIMIT_DATA.
const raceDetector = true
