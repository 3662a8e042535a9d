package host

import (
	"io"

	"github.com/rs/zerolog"
)

// NewLogger writes JSON lines for one worker. An unknown level means info.
func NewLogger(w io.Writer, level, instance string, generation uint64) zerolog.Logger {
	lvl, err := zerolog.ParseLevel(level)
	if err != nil || level == "" {
		lvl = zerolog.InfoLevel
	}
	return zerolog.New(w).Level(lvl).With().Timestamp().Str("instance", instance).Uint64("generation", generation).Logger()
}
