package store_test

import (
	"context"
	"testing"

	"whatsapp-manager/supervisor/store"
)

// BenchmarkHot shows what delivery asks most, with 200,000 events in the feed
// and as many of them parked in 3 lanes.
func BenchmarkHot(b *testing.B) {
	const n = 200_000
	st, _ := withFeed(b, n)
	ctx := context.Background()
	check := func(b *testing.B, err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	check(b, st.CreateEndpoint(ctx, endpoint("e")))
	var rows []store.Backlog
	for seq := uint64(1); seq <= n; seq++ {
		rows = append(rows, store.Backlog{Seq: seq, Lane: string(rune('a' + seq%3)), NextAt: noon})
	}
	check(b, st.Park(ctx, "e", 0, rows))
	b.Run("Events", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			_, err := st.Events(ctx, "aaaaaaaaaaaa", uint64(i*256%n), 256)
			check(b, err)
		}
	})
	b.Run("AdvanceEndpoint", func(b *testing.B) {
		for i := uint64(1); b.Loop(); i++ {
			check(b, st.AdvanceEndpoints(ctx, []store.Progress{{EndpointID: "e", Cursor: i, Delivered: int64(i), At: noon}}))
		}
	})
	b.Run("BacklogHeads", func(b *testing.B) {
		for b.Loop() {
			_, err := st.BacklogHeads(ctx, "e", 100)
			check(b, err)
		}
	})
	b.Run("BacklogLane", func(b *testing.B) {
		for b.Loop() {
			_, err := st.BacklogLane(ctx, "e", "b", 50)
			check(b, err)
		}
	})
	b.Run("RetryBacklog", func(b *testing.B) {
		for i := uint64(0); b.Loop(); i++ {
			check(b, st.RetryBacklog(ctx, "e", i%n+1, 1, noon, nil, "refused"))
		}
	})
	b.Run("Park10", func(b *testing.B) {
		for i := uint64(n); b.Loop(); i += 10 {
			batch := make([]store.Backlog, 10)
			for j := range batch {
				batch[j] = store.Backlog{Seq: i + uint64(j) + 1, Lane: "b", NextAt: noon}
			}
			check(b, st.Park(ctx, "e", i, batch))
		}
	})
	b.Run("ResolveBacklog", func(b *testing.B) {
		for i := uint64(1); b.Loop(); i++ {
			check(b, st.ResolveBacklog(ctx, "e", i))
		}
	})
	// Resolved from the front: the heads must not wade through what is gone.
	b.Run("BacklogHeadsAfterResolve", func(b *testing.B) {
		for b.Loop() {
			_, err := st.BacklogHeads(ctx, "e", 100)
			check(b, err)
		}
	})
	b.Run("InstanceByKeyHash", func(b *testing.B) {
		for b.Loop() {
			_, _, _ = st.InstanceByKeyHash(ctx, []byte("none"))
		}
	})
	b.Run("RecordAttempts50", func(b *testing.B) {
		batch := make([]store.Attempt, 50)
		for i := range batch {
			batch[i] = store.Attempt{EndpointID: "e", Seq: uint64(i), At: noon}
		}
		for b.Loop() {
			check(b, st.RecordAttempts(ctx, batch))
		}
	})
}
