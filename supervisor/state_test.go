package supervisor

import (
	"fmt"
	"testing"
)

func TestNext(t *testing.T) {
	const none State = ""
	states := []State{Stopped, Starting, Running, Detached, Stopping, Backoff, Failed}
	for _, tc := range []struct {
		event   event
		desired Desired
		to      map[State]State // a state that is missing ignores the event
	}{
		{wantRun, Run, map[State]State{Stopped: Starting, Backoff: Starting, Failed: Starting}},
		{wantRun, Stop, nil},
		{wantStop, Stop, map[State]State{Starting: Stopping, Running: Stopping, Detached: Stopping, Backoff: Stopped, Failed: Stopped}},
		{recycle, Run, map[State]State{Starting: Stopping, Running: Stopping, Detached: Stopping, Stopping: Stopping}},
		{found, Run, map[State]State{Stopped: Detached, Backoff: Detached, Failed: Detached}},
		{found, Stop, map[State]State{Stopped: Detached, Backoff: Detached, Failed: Detached}},
		{attached, Run, map[State]State{Starting: Running, Detached: Running}},
		{lost, Run, map[State]State{Running: Detached}},
		{exited, Run, map[State]State{Starting: Backoff, Running: Backoff, Detached: Backoff, Stopping: Backoff}},
		{exited, Stop, map[State]State{Starting: Stopped, Running: Stopped, Detached: Stopped, Stopping: Stopped}},
		{tripped, Run, map[State]State{Stopped: Failed, Starting: Failed, Running: Failed, Detached: Failed, Stopping: Failed}},
		{tripped, Stop, map[State]State{Starting: Stopped, Running: Stopped, Detached: Stopped, Stopping: Stopped}},
		{deadline, Run, map[State]State{Starting: Stopping, Detached: Stopping, Stopping: Stopping, Backoff: Starting, Failed: Starting}},
		{deadline, Stop, map[State]State{Starting: Stopping, Detached: Stopping, Stopping: Stopping}},
	} {
		for _, from := range states {
			t.Run(fmt.Sprintf("%s, wanted %s, while %s", tc.event, tc.desired, from), func(t *testing.T) {
				want := tc.to[from]
				got, ok := next(from, tc.event, tc.desired)
				switch {
				case want == none && (ok || got != from):
					t.Errorf("got %s %v, want it ignored", got, ok)
				case want != none && (!ok || got != want):
					t.Errorf("got %s %v, want %s", got, ok, want)
				}
			})
		}
	}
}
