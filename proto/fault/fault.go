// Package fault owns the error kinds that cross the boundaries of the system:
// worker to manager over gRPC, and manager to client over HTTP. Callers branch
// on the kind, never on text. The mapping to gRPC status is here and nowhere
// else; the mapping to HTTP status belongs to package api.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what sort of thing went wrong, from the caller's point of view.
type Kind string

// All kinds of faults; fault/grpc.go maps each of them.
const (
	Invalid       Kind = "invalid"       // the request is wrong; Field names the part
	Unauthorized  Kind = "unauthorized"  // who are you?
	Forbidden     Kind = "forbidden"     // you may not
	NotFound      Kind = "not_found"     // unknown method, object or instance
	Conflict      Kind = "conflict"      // not in this state
	Unpaired      Kind = "unpaired"      // the instance has no WhatsApp account
	Offline       Kind = "offline"       // paired, but WhatsApp cannot be reached now
	Starting      Kind = "starting"      // the worker is on its way; try again soon
	Stopped       Kind = "stopped"       // the instance is not running and not wanted to
	RateLimited   Kind = "rate_limited"  // too much; RetryAfter says when
	Refused       Kind = "refused"       // WhatsApp said no
	Unimplemented Kind = "unimplemented" // cannot be done without a browser; Msg has the reason
	TooLarge      Kind = "too_large"     // request body or media above the limit
	Deadline      Kind = "deadline"      // no answer in time
	Unavailable   Kind = "unavailable"   // a part we depend on is away; try again
	Internal      Kind = "internal"      // our bug
)

// Sent says what a failed call had sent when it failed.
type Sent string

// What a call may have sent.
const (
	SentUnsaid  Sent = ""        // not said: the kind has to do
	SentNothing Sent = "nothing" // it is as if the call had never been made
	SentPerhaps Sent = "perhaps" // something is out, or may be
)

// Error is an error with a kind. Msg is for the user and never contains
// message bodies or keys; Err is the cause, for the operator's log.
type Error struct {
	Kind       Kind
	Op         string        // what was being done, e.g. "relay.Call"
	Field      string        // for Invalid: the offending parameter or field
	Code       string        // optional finer code, machine-readable; defaults to Kind
	Msg        string        // one sentence for the user
	RetryAfter time.Duration // zero when unknown
	Sent       Sent          // set where it is known for certain, and only there
	Err        error
}

// New returns an error of the kind with a message for the user.
func New(kind Kind, op, format string, args ...any) *Error {
	return &Error{Kind: kind, Op: op, Msg: fmt.Sprintf(format, args...)}
}

// Wrap returns an error of the kind that keeps err as the operator's cause.
func Wrap(kind Kind, op string, err error, format string, args ...any) *Error {
	return &Error{Kind: kind, Op: op, Msg: fmt.Sprintf(format, args...), Err: err}
}

// Bad returns an Invalid error that names the offending field.
func Bad(op, field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Op: op, Field: field, Msg: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	s := e.Msg
	if s == "" {
		s = string(e.Kind)
	}
	if e.Op != "" {
		s = e.Op + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Unsent returns err with the mark that nothing was sent. What already says
// something about it, and what is no fault.Error, stays as it is.
func Unsent(err error) error {
	var f *Error
	if !errors.As(err, &f) || f.Sent != SentUnsaid {
		return err
	}
	marked := *f
	marked.Sent = SentNothing
	return &marked
}

// KindOf returns the kind of the first fault.Error in err's chain, Internal
// for any other error, and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[*Error](err); ok {
		return f.Kind
	}
	return Internal
}

// Is reports whether err is of the kind.
func Is(err error, kind Kind) bool { return KindOf(err) == kind }
