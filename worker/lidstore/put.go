package lidstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// put writes pairs in one statement, so that it can be repeated when it is not known
// whether it was committed. It returns the pairs that were replaced.
const put = `with new as (
	select lid, pn from unnest($2::text[], $3::text[]) as n (lid, pn)
), old as (
	delete from lid_pairs p where p.instance_id = $1 and (p.lid = any($2::text[]) or p.pn = any($3::text[]))
		and not exists (select from new n where n.lid = p.lid and n.pn = p.pn)
	returning p.lid, p.pn
), written as (
	insert into lid_pairs (instance_id, lid, pn)
	select $1, n.lid, n.pn from new n where (select count(*) from old) >= 0 -- after they have gone
	on conflict (instance_id, lid) do update set hint = false where lid_pairs.hint
)
select lid, pn from old`

type pair struct{ lid, pn string }

// columns are the pairs as the statements take them.
func columns(pairs []pair) (lids, pns []string) {
	for _, p := range pairs {
		lids, pns = append(lids, p.lid), append(pns, p.pn)
	}
	return lids, pns
}

func (s *Store) put(ctx context.Context, mappings []store.LIDMapping) error {
	pairs := s.unknown(mappings)
	if len(pairs) == 0 {
		return nil
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	lids, pns := columns(pairs)
	s.mu.Lock()
	s.epoch++ // reads from here on are not cached until the write is over
	s.mu.Unlock()
	var old []pair
	err = s.retry(ctx, func() error {
		rows, _ := s.pool.Query(ctx, put, planned, s.instance, lids, pns) // its error comes with the rows
		gone, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p pair, err error) {
			err = row.Scan(&p.lid, &p.pn)
			return p, err
		})
		if err != nil {
			s.forget() // it may have been committed all the same; then the next try reports nothing replaced
		}
		old = gone
		return err
	})
	if err != nil {
		return fmt.Errorf("note pairs: %w", err)
	}
	defer s.tell()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	for _, p := range old {
		s.byLID.Remove(p.lid)
		s.byPN.Remove(p.pn)
	}
	for _, p := range pairs {
		s.byLID.Add(p.lid, known{user: p.pn})
		s.byPN.Add(p.pn, known{user: p.lid})
	}
	return nil
}

const suppose = `insert into lid_pairs (instance_id, lid, pn, hint)
	select $1, n.lid, n.pn, true from unnest($2::text[], $3::text[]) as n (lid, pn)
	on conflict do nothing`

// Suppose records as hints that these LIDs belong to these phone numbers, by what a phone
// has told. It replaces nothing that is known.
func (s *Store) Suppose(ctx context.Context, numbers map[types.JID]types.JID) error {
	mappings := make([]store.LIDMapping, 0, len(numbers))
	for lid, pn := range numbers {
		mappings = append(mappings, store.LIDMapping{LID: lid, PN: pn})
	}
	for all := range slices.Chunk(s.unknown(mappings), batchSize) {
		if err := s.suppose(ctx, all); err != nil {
			return fmt.Errorf("suppose pairs: %w", err)
		}
	}
	return nil
}

func (s *Store) suppose(ctx context.Context, pairs []pair) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	lids, pns := columns(pairs)
	var written int64
	err = s.retry(ctx, func() error {
		done, err := s.pool.Exec(ctx, suppose, s.instance, lids, pns)
		written = done.RowsAffected()
		return err
	})
	s.mu.Lock()
	s.epoch++ // a read that began before is not cached
	for _, p := range pairs {
		s.byLID.Remove(p.lid)
		s.byPN.Remove(p.pn)
	}
	s.mu.Unlock()
	if err != nil || written > 0 {
		s.tell()
	}
	return err
}

func (s *Store) tell() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *Store) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

// unknown leaves out entries that are no pairs, pairs that are known, and all but the last of
// several pairs about the same person.
func (s *Store) unknown(mappings []store.LIDMapping) []pair {
	seenLID, seenPN := map[string]bool{}, map[string]bool{}
	var pairs []pair
	for _, mapping := range slices.Backward(mappings) {
		lid, pn := mapping.LID, mapping.PN
		if !isPair(lid, pn) {
			continue
		}
		replaced := seenLID[lid.User] || seenPN[pn.User]
		seenLID[lid.User], seenPN[pn.User] = true, true
		if replaced {
			continue
		}
		pairs = append(pairs, pair{lid.User, pn.User})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	news := pairs[:0]
	for _, p := range pairs {
		if have, ok := s.byPN.Get(p.pn); !ok || have != (known{user: p.lid}) {
			news = append(news, p)
		}
	}
	return news
}
