package fault

import (
	"context"
	"errors"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const domain = "worker"

var toCode = map[Kind]codes.Code{
	Invalid:       codes.InvalidArgument,
	Unauthorized:  codes.Unauthenticated,
	Forbidden:     codes.PermissionDenied,
	NotFound:      codes.NotFound,
	Conflict:      codes.FailedPrecondition,
	Unpaired:      codes.FailedPrecondition,
	Offline:       codes.Unavailable,
	Starting:      codes.Unavailable,
	Stopped:       codes.FailedPrecondition,
	RateLimited:   codes.ResourceExhausted,
	Refused:       codes.Aborted,
	Unimplemented: codes.Unimplemented,
	TooLarge:      codes.OutOfRange,
	Deadline:      codes.DeadlineExceeded,
	Unavailable:   codes.Unavailable,
	Internal:      codes.Internal,
}

// ToGRPC turns err into a gRPC status error that FromGRPC turns back into an
// equal fault.Error, except that the cause stays behind: it is the sender's to
// log. Errors of no kind become Internal.
func ToGRPC(err error) error {
	if err == nil {
		return nil
	}
	var f *Error
	if !errors.As(err, &f) {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			f = &Error{Kind: Deadline, Msg: "no answer in time"}
		case errors.Is(err, context.Canceled):
			return status.FromContextError(err).Err()
		default:
			f = &Error{Kind: Internal, Msg: "internal error"}
		}
	}
	code, ok := toCode[f.Kind]
	if !ok {
		code = codes.Internal
	}
	st := status.New(code, f.Msg)
	withDetail, derr := st.WithDetails(&errdetails.ErrorInfo{
		Reason: string(f.Kind),
		Domain: domain,
		Metadata: map[string]string{
			"op": f.Op, "field": f.Field, "code": f.Code,
			"retry_after_ms": strconv.FormatInt(f.RetryAfter.Milliseconds(), 10),
			"sent":           string(f.Sent),
		},
	})
	if derr != nil {
		return st.Err()
	}
	return withDetail.Err()
}

// FromGRPC turns an error of a gRPC call into a fault.Error. A status without
// our detail (a broken connection, a message too large, a foreign deadline)
// gets the kind that tells the caller what to do next.
func FromGRPC(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	st, ok := status.FromError(err)
	if !ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return Wrap(Deadline, op, err, "no answer in time")
		}
		return Wrap(Internal, op, err, "internal error")
	}
	for _, d := range st.Details() {
		info, ok := d.(*errdetails.ErrorInfo)
		if !ok || info.GetDomain() != domain {
			continue
		}
		f := &Error{
			Kind: Kind(info.GetReason()), Op: info.GetMetadata()["op"], Field: info.GetMetadata()["field"],
			Code: info.GetMetadata()["code"], Sent: Sent(info.GetMetadata()["sent"]), Msg: st.Message(),
		}
		if ms, perr := strconv.ParseInt(info.GetMetadata()["retry_after_ms"], 10, 64); perr == nil {
			f.RetryAfter = time.Duration(ms) * time.Millisecond
		}
		return f
	}
	switch st.Code() {
	case codes.DeadlineExceeded:
		return Wrap(Deadline, op, err, "no answer in time")
	case codes.Canceled:
		return Wrap(Unavailable, op, err, "the call was cancelled")
	case codes.Unavailable:
		return Wrap(Unavailable, op, err, "the worker cannot be reached")
	case codes.ResourceExhausted:
		return Wrap(TooLarge, op, err, "the message is too large")
	case codes.InvalidArgument:
		return Wrap(Invalid, op, err, "%s", st.Message())
	case codes.Unimplemented:
		return Wrap(Unimplemented, op, err, "the worker's build does not know this call")
	default:
		return Wrap(Internal, op, err, "internal error")
	}
}
