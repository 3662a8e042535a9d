package api

import (
	"context"
	"errors"
	"testing"
)

// One instance that takes long to make keeps nobody waiting who has room besides it.
func TestPlaces(t *testing.T) {
	p := newPlaces()
	const most = 2
	made := 0
	room := func(_, all int) (bool, error) { return made+all < most, nil }
	first, err := p.take(t.Context(), "ada", room)
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.take(t.Context(), "ada", room)
	if err != nil {
		t.Fatalf("the second beside the first: %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := p.take(ended, "bob", room); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever does not wait any more: %v", err)
	}
	third := make(chan error, 1)
	waits := make(chan struct{}, 2)
	go func() {
		_, err := p.take(t.Context(), "bob", func(own, all int) (bool, error) {
			waits <- struct{}{}
			return room(own, all)
		})
		third <- err
	}()
	<-waits
	first() // its import failed: there is room
	if err := <-third; err != nil {
		t.Errorf("after a place was given back: %v", err)
	}
	second()
	full := errors.New("full")
	if _, err := p.take(t.Context(), "ada", func(int, int) (bool, error) { return false, full }); !errors.Is(err, full) {
		t.Errorf("a limit that is reached: %v", err)
	}
}
