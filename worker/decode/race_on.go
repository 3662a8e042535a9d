//go:build race

package decode

// raceDetector: its shadow memory would go beyond every limit.
const raceDetector = true
