package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/seal"
	"whatsapp-manager/supervisor/store/db"
)

// Keys are what seals the secrets that we write, and opens them.
type Keys interface {
	// Ring returns the present keys, the same until they are changed.
	Ring() *seal.Ring
}

// ErrWrongKeys says that the database's secrets are sealed with keys that are
// not at hand.
var ErrWrongKeys = errors.New("the secrets in the database are sealed with another key")

// SealedWith returns the ids of the keys that the database's secrets are sealed
// with, none when nothing is sealed. Where the record of it is missing, the
// sealed values themselves tell.
func (s *Store) SealedWith(ctx context.Context) ([]string, error) {
	row, err := s.q.Seal(ctx)
	if err == nil {
		return []string{row.KeyID}, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return nil, failure("store.SealedWith", err)
	}
	counts, err := s.CountSecrets(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, of := range counts {
		for id := range of {
			if id != "" && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// UseKeys has the store seal and open with these keys from now on, and seals
// what stands open or is sealed with an older one of them; it returns how many
// rows that were. It changes nothing when the keys are not those of the database:
// ErrWrongKeys. A store without keys writes secrets as they are, which is for
// tests. It must be called before the store is shared.
func (s *Store) UseKeys(ctx context.Context, keys Keys) (sealed int, err error) {
	const op = "store.UseKeys"
	ring := keys.Ring()
	with, err := s.SealedWith(ctx)
	if err != nil {
		return 0, err
	}
	for _, id := range with {
		if !ring.Has(id) {
			return 0, fmt.Errorf("%w (%s)", ErrWrongKeys, id)
		}
	}
	// Of several that begin at once one is first; the others look at what it wrote.
	if err := s.q.CreateSeal(ctx, db.CreateSealParams{KeyID: ring.ID(), Proof: proofOf(ring)}); err != nil {
		return 0, failure(op, err)
	}
	row, err := s.q.Seal(ctx)
	if err != nil {
		return 0, failure(op, err)
	}
	if _, err := ring.Box(proof).Open(row.Proof); err != nil {
		return 0, fmt.Errorf("%w (%s)", ErrWrongKeys, row.KeyID)
	}
	s.keys = keys
	return s.Reseal(ctx)
}

const proof = "proof"

func proofOf(ring *seal.Ring) []byte { return ring.Box(proof).Seal([]byte("whatsapp-manager")) }

// Reseal seals the manager's secrets with the present key, as far as they are
// not, and returns how many rows that were. It can be broken off anywhere and
// begun again. What workers have sealed, they seal anew when they start.
func (s *Store) Reseal(ctx context.Context) (sealed int, err error) {
	const op = "store.Reseal"
	ring := s.ring()
	if ring == nil {
		return 0, nil
	}
	settings, err := s.q.Settings(ctx)
	if err != nil {
		return 0, failure(op, err)
	}
	for _, row := range settings {
		if by, _ := seal.KeyOf(row.Value); by == ring.ID() {
			continue
		}
		value, err := openSetting(ring, row.Key, row.Value)
		if errors.Is(err, seal.ErrOpen) {
			value, err = row.Value, nil
		}
		if err != nil {
			return sealed, fault.Wrap(fault.Internal, op, err, "the setting %s cannot be opened", row.Key)
		}
		n, err := s.q.ResealSetting(ctx, db.ResealSettingParams{Key: row.Key, Old: row.Value, Value: sealSetting(ring, row.Key, value)})
		if err != nil {
			return sealed, failure(op, err)
		}
		sealed += int(n)
	}
	n, err := s.resealEndpoints(ctx, ring)
	sealed += n
	if err != nil {
		return sealed, failure(op, err)
	}
	return sealed, failure(op, s.q.UpdateSeal(ctx, db.UpdateSealParams{KeyID: ring.ID(), Proof: proofOf(ring)}))
}

func (s *Store) resealEndpoints(ctx context.Context, ring *seal.Ring) (sealed int, err error) {
	box := ring.Webhooks()
	for after := ""; ; {
		rows, err := s.q.EndpointSecrets(ctx, after)
		if err != nil || len(rows) == 0 {
			return sealed, err
		}
		for _, row := range rows {
			after = row.ID
			secret, headers, open, err := box.Open(row.ID, row.InstanceID, row.Secret, row.Headers)
			if err != nil || !open {
				continue // one that does not open shows that in the API, and keeps no other from working
			}
			secret, headers = box.Seal(row.ID, row.InstanceID, secret, headers)
			n, err := s.q.ResealEndpoint(ctx, db.ResealEndpointParams{ID: row.ID, Old: row.Secret, OldHeaders: row.Headers, Secret: secret, Headers: headers})
			if err != nil {
				return sealed, err
			}
			sealed += int(n)
		}
	}
}

// WorkersBefore returns how many workers live that were started before the present
// key was there: what they write and pair is sealed with the one before.
func (s *Store) WorkersBefore(ctx context.Context) (int, error) {
	n, err := s.q.CountWorkersBeforeSeal(ctx)
	return int(n), failure("store.WorkersBefore", err)
}

// Ring returns the keys of UseKeys, nil without.
func (s *Store) Ring() *seal.Ring { return s.ring() }

func (s *Store) ring() *seal.Ring {
	if s.keys == nil {
		return nil
	}
	return s.keys.Ring()
}

func sealSetting(ring *seal.Ring, key string, value []byte) []byte {
	if ring == nil {
		return value
	}
	return ring.Box("settings.value").Seal(value, key)
}

func openSetting(ring *seal.Ring, key string, value []byte) ([]byte, error) {
	if ring == nil {
		return value, nil
	}
	return ring.Box("settings.value").Open(value, key)
}

// unopened is what people read of a webhook whose secret cannot be opened.
const unopened = "its secret cannot be opened with this server's key: renew the secret, or delete it and make it anew"

// sealEndpoint returns secret and headers as they are kept.
func (s *Store) sealEndpoint(e Endpoint) (secret, headers []byte, err error) {
	if headers, err = encodeHeaders(e.Headers); err != nil {
		return nil, nil, err
	}
	if len(e.Secret) == 0 {
		return nil, nil, fault.New(fault.Conflict, "store.Endpoint", "%s", unopened)
	}
	ring := s.ring()
	if ring == nil {
		return e.Secret, headers, nil
	}
	secret, headers = ring.Webhooks().Seal(e.ID, string(e.Instance), e.Secret, headers)
	return secret, headers, nil
}

// webhooks returns what opens endpoints, nil without keys.
func (s *Store) webhooks() *seal.Webhooks {
	if ring := s.ring(); ring != nil {
		return ring.Webhooks()
	}
	return nil
}

// SecretCounts are numbers of rows by the id of the key they are sealed with, ""
// for open ones.
type SecretCounts map[string]int

// CountSecrets counts settings, webhooks and devices.
func (s *Store) CountSecrets(ctx context.Context) (map[string]SecretCounts, error) {
	const op = "store.CountSecrets"
	counts := map[string]SecretCounts{"settings": {}, "webhooks": {}, "devices": {}}
	count := func(of string, value []byte) {
		id, _ := seal.KeyOf(value)
		counts[of][id]++
	}
	settings, err := s.q.Settings(ctx)
	if err != nil {
		return nil, failure(op, err)
	}
	for _, row := range settings {
		count("settings", row.Value)
	}
	for after := ""; ; {
		rows, err := s.q.EndpointSecrets(ctx, after)
		if err != nil {
			return nil, failure(op, err)
		}
		if len(rows) == 0 {
			break
		}
		for _, row := range rows {
			after = row.ID
			count("webhooks", row.Secret)
		}
	}
	devices, err := sealedDevices(ctx, s.pool)
	for _, id := range devices {
		counts["devices"][id]++
	}
	return counts, failure(op, err)
}

// sealedDevices returns by device the key that it is sealed with, "" when it is
// not. The table is whatsmeow's, and there when somebody made it.
func sealedDevices(ctx context.Context, conn db.DBTX) (map[string]string, error) {
	devices := make(map[string]string)
	var there bool
	if err := conn.QueryRow(ctx, "select to_regclass('whatsmeow.whatsmeow_device') is not null").Scan(&there); err != nil || !there {
		return devices, err
	}
	rows, err := conn.Query(ctx, "select jid, adv_key from whatsmeow.whatsmeow_device")
	if err != nil {
		return nil, err
	}
	var jid string
	var key []byte
	_, err = pgx.ForEachRow(rows, []any{&jid, &key}, func() error {
		devices[jid], _ = seal.KeyOf(key)
		return nil
	})
	return devices, err
}
