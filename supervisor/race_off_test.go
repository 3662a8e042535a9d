//go:build !race

package supervisor_test

const raceDetector = false
