//go:build race

package decode

// raceDetector says that the race detector is on. Its shadow memory would exceed every limit.
const raceDetector = true
