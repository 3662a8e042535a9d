package budget_test

import (
	"errors"
	"sync"
	"testing"

	"whatsapp-manager/api/budget"
	"whatsapp-manager/proto/fault"
)

func code(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Code
	}
	return ""
}

func TestWhoIsRefused(t *testing.T) {
	one, two := budget.Owner{Name: "instance one"}, budget.Owner{Name: "instance two"}
	here, there := budget.Owner{Name: "address 1", Stranger: true}, budget.Owner{Name: "address 2", Stranger: true}
	type step struct {
		who  budget.Owner
		n    int64
		want string
	}
	for _, tc := range []struct {
		name  string
		steps []step
	}{
		{"up to the share", []step{{one, 400, ""}, {one, 1, budget.CodeShare}, {two, 400, ""}}},
		{"everybody's", []step{{one, 400, ""}, {two, 400, ""}, {budget.Owner{Name: "instance three"}, 201, budget.CodeFull}, {budget.Owner{Name: "instance three"}, 200, ""}}},
		{"a stranger has less", []step{{here, 32, budget.CodeShare}, {here, 31, ""}, {one, 400, ""}}},
		{"one larger than the share", []step{{one, 401, budget.CodeShare}}},
		{"strangers leave the rest alone", func() (s []step) {
			for i := range 8 {
				s = append(s, step{budget.Owner{Name: string(rune('a' + i)), Stranger: true}, 31, ""})
			}
			return append(s, step{there, 3, budget.CodeFull}, step{one, 400, ""})
		}()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := budget.New(1000, 400)
			var all []*budget.Account
			for i, s := range tc.steps {
				a := b.Account(s.who)
				all = append(all, a)
				err := a.Take(s.n)
				if code(err) != s.want {
					t.Fatalf("step %d: %v, want %q", i, err, s.want)
				}
				if kind := fault.KindOf(err); s.want == budget.CodeShare && kind != fault.RateLimited || s.want == budget.CodeFull && kind != fault.Unavailable {
					t.Errorf("step %d: kind %s", i, kind)
				}
			}
			for _, a := range all {
				a.Close()
				a.Close()
			}
			if used, _ := b.Used(); used != 0 {
				t.Errorf("%d bytes are left behind", used)
			}
			if left := b.Account(one).Left(); left != 400 {
				t.Errorf("%d bytes left for one, want 400", left)
			}
		})
	}
}

func TestGiveAndForce(t *testing.T) {
	b := budget.New(100, 50)
	a := b.Account(budget.Owner{Name: "x"})
	if err := a.Take(40); err != nil {
		t.Fatal(err)
	}
	a.Force(30) // there already
	if left := a.Left(); left != 0 {
		t.Errorf("%d left", left)
	}
	if err := a.Take(1); code(err) != budget.CodeShare {
		t.Errorf("above the share: %v", err)
	}
	a.Give(1000)
	if used, peak := b.Used(); used != 0 || peak != 70 {
		t.Errorf("used %d, peak %d", used, peak)
	}
}

func TestTheLimitHoldsForAllAtOnce(t *testing.T) {
	b := budget.New(1000, 1000)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 200 {
				a := b.Account(budget.Owner{Name: "x"})
				if a.Take(100) == nil {
					_ = a.Take(100)
				}
				a.Close()
			}
		})
	}
	all.Wait()
	if used, peak := b.Used(); used != 0 || peak > 1000 || peak == 0 {
		t.Errorf("used %d, peak %d", used, peak)
	}
}
