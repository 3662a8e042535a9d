package together

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestDo(t *testing.T) {
	var a, b int
	err := Do(t.Context(), func(context.Context) error { a = 1; return nil }, func(context.Context) error { b = 2; return nil })
	if err != nil || a != 1 || b != 2 {
		t.Errorf("%d %d %v", a, b, err)
	}
	no := errors.New("no")
	err = Do(t.Context(), func(context.Context) error { return no }, func(ctx context.Context) error { <-ctx.Done(); return nil })
	if !errors.Is(err, no) {
		t.Errorf("the error: %v", err)
	}
	err = Do(t.Context(), func(context.Context) error { panic("a secret") }, func(ctx context.Context) error { <-ctx.Done(); return nil })
	if err == nil || strings.Contains(err.Error(), "a secret") || !strings.Contains(err.Error(), "TestDo") {
		t.Errorf("the panic: %v", err)
	}
}
