package main

import "testing"

func TestDerivedMemory(t *testing.T) {
	const mib = 1 << 20
	for _, tc := range []struct {
		name                  string
		size, body, want, all uint64
	}{
		{"a small machine", 512 * mib, 32 * mib, 256 * mib, 256 * mib},
		{"a usual one", 4096 * mib, 32 * mib, 1024 * mib, 512 * mib},
		{"a large one", 1 << 40, 32 * mib, 2048 * mib, 1024 * mib},
		{"large bodies on a small one", 512 * mib, 64 * mib, 512 * mib, 512 * mib},
	} {
		t.Run(tc.name, func(t *testing.T) {
			limit := derivedMemory(tc.size, tc.body)
			if all := requestMemory(limit, tc.body); limit != tc.want || all != int64(tc.all) {
				t.Errorf("%d, of that requests %d; want %d and %d", limit, all, tc.want, tc.all)
			}
		})
	}
}
