package main

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// logger writes the daemon's log, readable for a person where out is a terminal.
func (c config) logger(out *os.File) zerolog.Logger {
	var w io.Writer = out
	if c.Log.Format == "console" || (c.Log.Format == "auto" && isTerminal(out)) {
		w = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly}
	}
	return zerolog.New(w).Level(zerolog.Level(c.Log.Level)).With().Timestamp().Logger()
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
