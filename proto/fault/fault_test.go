package fault

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestEveryKindSurvivesTheRPC(t *testing.T) {
	for kind := range toCode {
		in := &Error{Kind: kind, Op: "relay.Call", Field: "params[0]", Code: "bad_jid", Msg: "not a JID", RetryAfter: 1500 * time.Millisecond, Sent: SentNothing, Err: errors.New("secret cause")}
		var out *Error
		if !errors.As(FromGRPC("op", ToGRPC(in)), &out) {
			t.Fatalf("%s: no fault came back", kind)
		}
		if out.Kind != in.Kind || out.Op != in.Op || out.Field != in.Field || out.Code != in.Code || out.Msg != in.Msg || out.RetryAfter != in.RetryAfter || out.Sent != in.Sent {
			t.Errorf("%s: got %+v, want %+v", kind, out, in)
		}
		if out.Err != nil {
			t.Errorf("%s: the cause crossed the boundary: %v", kind, out.Err)
		}
	}
}

func TestForeignErrorsGetAKind(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want Kind
	}{
		{"broken connection", status.Error(codes.Unavailable, "EOF"), Unavailable},
		{"message above the gRPC limit", status.Error(codes.ResourceExhausted, "too big"), TooLarge},
		{"deadline of the call", status.Error(codes.DeadlineExceeded, "late"), Deadline},
		{"deadline outside gRPC", context.DeadlineExceeded, Deadline},
		{"anything else", errors.New("boom"), Internal},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := KindOf(FromGRPC("op", tc.err)); got != tc.want {
				t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
			}
		})
	}
	if got := KindOf(FromGRPC("op", ToGRPC(errors.New("boom")))); got != Internal {
		t.Errorf("error without kind: got %s, want internal", got)
	}
}

func TestUnsentOverridesNothing(t *testing.T) {
	for _, tc := range []struct{ was, want Sent }{{SentUnsaid, SentNothing}, {SentNothing, SentNothing}, {SentPerhaps, SentPerhaps}} {
		in := &Error{Kind: Unavailable, Sent: tc.was}
		var out *Error
		if !errors.As(Unsent(in), &out) || out.Sent != tc.want || in.Sent != tc.was {
			t.Errorf("%q became %q, want %q", tc.was, out.Sent, tc.want)
		}
	}
	if boom := errors.New("boom"); Unsent(boom) != boom || Unsent(nil) != nil { //nolint:errorlint // the very same error
		t.Error("what is no fault did not stay as it was")
	}
}
