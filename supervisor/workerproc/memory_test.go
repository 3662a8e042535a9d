package workerproc

import (
	"os"
	"testing"
)

func TestGuard(t *testing.T) {
	const limit = 1000
	type look struct {
		own         uint64
		evict, warn bool
	}
	for _, tc := range []struct {
		name  string
		looks []look
	}{
		{"below", []look{{100, false, false}, {850, false, false}}},
		{"warns once per passing", []look{{900, false, true}, {900, false, false}, {100, false, false}, {900, false, true}}},
		{"over on two looks", []look{{1001, false, true}, {1001, true, false}}},
		{"a peak is forgiven", []look{{1001, false, true}, {900, false, false}, {1001, false, false}, {1002, true, false}}},
		{"far over at once", []look{{1251, true, true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var g MemoryGuard
			for n, l := range tc.looks {
				if evict, warn := g.Judge(l.own, limit); evict != l.evict || warn != l.warn {
					t.Errorf("look %d: got evict=%v warn=%v, want %v %v", n+1, evict, warn, l.evict, l.warn)
				}
			}
		})
	}
}

func TestReadMemoryOfOurselves(t *testing.T) {
	m, err := ReadMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if m.Own == 0 || m.Resident < m.Own || m.Resident > 4<<30 {
		t.Errorf("implausible memory %+v", m)
	}
}
