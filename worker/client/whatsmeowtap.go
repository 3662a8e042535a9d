package client

import (
	"fmt"

	"github.com/rs/zerolog"
	signallog "go.mau.fi/libsignal/logger"
	waBinary "go.mau.fi/whatsmeow/binary"
	waLog "go.mau.fi/whatsmeow/util/log"

	"whatsapp-manager/worker/redact"
	"whatsapp-manager/worker/wording"
)

// The parts of whatsmeow that say something here, by the names of their loggers.
const (
	moduleMain = "whatsmeow"
	moduleRecv = moduleMain + "/Recv"
	moduleSend = moduleMain + "/Send"
)

// tap is whatsmeow's logger. It lets whatsmeow's lines through from level info upwards
// and keeps content out of them. whatsmeow's debug lines are whole stanzas and QR codes,
// and stay off at every level of ours.
//
// Two of the lines tell what whatsmeow tells in no other way, and so the logger is also
// an event source. package wording holds their texts, and its test fails when the
// pinned version of whatsmeow has others. Even then nothing breaks: if the stanzas are
// not seen, none is counted, and a connection that does not decrypt is found by the
// keep-alives, a minute later. Usernames that stand in stanzas are not learned then.
type tap struct {
	log             zerolog.Logger
	module          string
	onDecryptFailed func() // may be nil
	// onStanza sees each stanza that is read, before it is queued for its handler, and
	// each that is sent; may be nil.
	onStanza func(n *waBinary.Node, out bool)
}

// NewLog returns the logger for parts of whatsmeow that belong to no client.
func NewLog(log zerolog.Logger) waLog.Logger { return newTap(log) }

func newTap(log zerolog.Logger) *tap { return &tap{log: log, module: moduleMain} }

// Debugf logs nothing. It is the only place to see the stanzas.
func (l *tap) Debugf(format string, args ...any) {
	if l.onStanza == nil || len(args) != 1 || format != wording.Stanza {
		return
	}
	if n, ok := args[0].(*waBinary.Node); ok && n != nil {
		switch l.module {
		case moduleRecv:
			l.onStanza(n, false)
		case moduleSend:
			l.onStanza(n, true)
		}
	}
}

// Infof logs.
func (l *tap) Infof(format string, args ...any) {
	l.say(zerolog.InfoLevel, format, args)
}

// Warnf logs, and notices a frame that does not decrypt.
func (l *tap) Warnf(format string, args ...any) {
	if format == wording.DecryptFailed && l.onDecryptFailed != nil {
		l.onDecryptFailed()
	}
	l.say(zerolog.WarnLevel, format, args)
}

// Errorf logs.
func (l *tap) Errorf(format string, args ...any) {
	l.say(zerolog.ErrorLevel, format, args)
}

// Sub returns the logger of a part.
func (l *tap) Sub(module string) waLog.Logger {
	return &tap{log: l.log, module: l.module + "/" + module, onDecryptFailed: l.onDecryptFailed, onStanza: l.onStanza}
}

func (l *tap) say(level zerolog.Level, format string, args []any) {
	if level < l.log.GetLevel() {
		return
	}
	for i, arg := range args {
		args[i] = redact.Arg(arg)
	}
	l.log.WithLevel(level).Str("module", l.module).Msg(redact.Text(fmt.Sprintf(format, args...)))
}

// signalLog replaces libsignal's default logger, which prints undecryptable messages to
// standard output. It drops everything: whatsmeow reports the same failures as errors,
// without the data.
type signalLog struct{}

func (signalLog) Debug(string, string)   {}
func (signalLog) Info(string, string)    {}
func (signalLog) Warning(string, string) {}
func (signalLog) Error(string, string)   {}
func (signalLog) Configure(string)       {}

// SilenceSignal turns libsignal's own logger off. It is a variable of the whole process,
// so this comes before any client exists.
func SilenceSignal() {
	var quiet signallog.Loggable = signalLog{}
	signallog.Setup(&quiet)
}
