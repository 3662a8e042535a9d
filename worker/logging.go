package worker

import (
	"fmt"
	"io"
	"strings"

	signallog "go.mau.fi/libsignal/logger"
	waBinary "go.mau.fi/whatsmeow/binary"
	waLog "go.mau.fi/whatsmeow/util/log"

	"github.com/hashicorp/go-hclog"
	"github.com/rs/zerolog"
)

// newLogger writes JSON lines for one worker. An unknown level means info.
func newLogger(w io.Writer, level, instance string, generation uint64) zerolog.Logger {
	lvl, err := zerolog.ParseLevel(level)
	if err != nil || level == "" {
		lvl = zerolog.InfoLevel
	}
	return zerolog.New(w).Level(lvl).With().Timestamp().Str("instance", instance).Uint64("generation", generation).Logger()
}

// libraryLog lets whatsmeow speak from level info upwards. Its debug lines are
// whole stanzas and QR codes and stay off at any level of ours.
type libraryLog struct {
	log    zerolog.Logger
	module string
	onDeaf func() // may be nil
	// onStanza sees each stanza that is read, before it is queued for its handler,
	// and each that is sent; may be nil.
	onStanza func(n *waBinary.Node, out bool)
}

const (
	library  = "whatsmeow"
	received = library + "/Recv"
	sent     = library + "/Send"
)

func newLibraryLog(log zerolog.Logger) *libraryLog {
	return &libraryLog{log: log, module: library}
}

// undecryptable is what whatsmeow says of a frame that does not decrypt, to
// nobody but its log. If a later version words it otherwise, the keep-alives
// still find the connection, a minute later.
const undecryptable = "Failed to decrypt frame: %v"

// Debugf says nothing. That whatsmeow shows its log every stanza is the only
// place to see them; if a later version does not, none is counted.
func (l *libraryLog) Debugf(format string, args ...any) {
	if l.onStanza == nil || len(args) != 1 || format != "%s" {
		return
	}
	if n, ok := args[0].(*waBinary.Node); ok && n != nil {
		switch l.module {
		case received:
			l.onStanza(n, false)
		case sent:
			l.onStanza(n, true)
		}
	}
}

func (l *libraryLog) Infof(format string, args ...any) {
	l.say(zerolog.InfoLevel, format, args)
}
func (l *libraryLog) Warnf(format string, args ...any) {
	if format == undecryptable && l.onDeaf != nil {
		l.onDeaf()
	}
	l.say(zerolog.WarnLevel, format, args)
}
func (l *libraryLog) Errorf(format string, args ...any) {
	l.say(zerolog.ErrorLevel, format, args)
}

func (l *libraryLog) Sub(module string) waLog.Logger {
	return &libraryLog{log: l.log, module: l.module + "/" + module, onDeaf: l.onDeaf, onStanza: l.onStanza}
}

func (l *libraryLog) say(level zerolog.Level, format string, args []any) {
	if level < l.log.GetLevel() {
		return
	}
	for i, arg := range args {
		args[i] = withoutContent(arg)
	}
	l.log.WithLevel(level).Str("module", l.module).Msg(withoutStanzas(fmt.Sprintf(format, args...)))
}

// withoutContent replaces stanzas, which carry message content, by their tag
// and id, and raw bytes by their number.
func withoutContent(arg any) any {
	switch v := arg.(type) {
	case *waBinary.Node:
		return nodeName(v)
	case waBinary.Node:
		return nodeName(&v)
	case []byte:
		return fmt.Sprintf("(%d bytes)", len(v))
	}
	return arg
}

func nodeName(n *waBinary.Node) string {
	if n == nil {
		return "(no stanza)"
	}
	return fmt.Sprintf("stanza %s id=%v", n.Tag, n.Attrs["id"])
}

// withoutStanzas cuts from text what errors quote as XML.
func withoutStanzas(text string) string {
	open := strings.IndexByte(text, '<')
	end := strings.LastIndexByte(text, '>')
	if open < 0 || end < open {
		return text
	}
	return text[:open] + "(stanza)" + text[end+1:]
}

// signalLog replaces libsignal's default logger, which prints undecryptable
// messages to standard output. Messages are dropped: whatsmeow reports the
// same failures as errors, without the data.
type signalLog struct{}

func (signalLog) Debug(string, string)   {}
func (signalLog) Info(string, string)    {}
func (signalLog) Warning(string, string) {}
func (signalLog) Error(string, string)   {}
func (signalLog) Configure(string)       {}

// silenceSignal is process-wide, so it must come before any client exists.
func silenceSignal() {
	var quiet signallog.Loggable = signalLog{}
	signallog.Setup(&quiet)
}

// pluginLog carries go-plugin's errors only.
func pluginLog(log zerolog.Logger) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Level:           hclog.Error,
		Output:          log.With().Str("module", "go-plugin").Logger(),
		DisableTime:     true,
		JSONFormat:      false,
		IncludeLocation: false,
	})
}
