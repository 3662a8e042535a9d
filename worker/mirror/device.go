package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.mau.fi/whatsmeow/types"
)

var (
	// ErrNoInstance says that the instance was deleted, or never existed.
	ErrNoInstance = errors.New("the database knows no such instance")
	// ErrDeviceTaken says that another instance has the device.
	ErrDeviceTaken = errors.New("the device belongs to another instance")
)

// The instance's device stands in the manager's table of instances. It is read and
// written through functions of the database: our role may see and change nothing else
// of the instance, and no device of another one.

// Device returns the AD-JID of the instance's device, empty before its first pairing.
// Error: ErrNoInstance.
func (m *Mirror) Device(ctx context.Context) (types.JID, error) {
	var raw *string
	if err := m.pool.QueryRow(ctx, "select worker_device($1)", m.instance).Scan(&raw); err != nil {
		return types.EmptyJID, fmt.Errorf("read device of instance: %w", err)
	}
	if raw == nil {
		return types.EmptyJID, ErrNoInstance
	}
	if *raw == "" {
		return types.EmptyJID, nil
	}
	jid, err := types.ParseJID(*raw)
	if err != nil {
		return types.EmptyJID, fmt.Errorf("read device of instance: %w", err)
	}
	if jid.String() != *raw { // the keys that are found under it would be another device's
		return types.EmptyJID, errors.New("read device of instance: its address is not written as whatsmeow writes it")
	}
	return jid, nil
}

// Standing says how sure an instance's device is.
type Standing int

const (
	// Proven says that WhatsApp has accepted the device's keys, or that there is none.
	Proven Standing = iota
	// Unproven says that the device came in by a file and has never logged in here. An
	// instance that pairs it takes it over.
	Unproven
	// Lost says that this happened, and that the instance has paired no other since.
	Lost
)

// Standing tells how sure the instance's device is.
func (m *Mirror) Standing(ctx context.Context) (Standing, error) {
	var proven, lost bool
	err := m.pool.QueryRow(ctx, "select proven, lost_at is not null from devices where instance_id = $1", m.instance).Scan(&proven, &lost)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Proven, nil
	case err != nil:
		return Proven, fmt.Errorf("read standing of device: %w", err)
	case lost:
		return Lost, nil
	case !proven:
		return Unproven, nil
	}
	return Proven, nil
}

// ClaimDevice records the device that the instance is about to pair. It writes nothing
// and returns ErrFenced when a later worker has claimed the feed (a generation that was
// only raised may never have run), and ErrDeviceTaken when the device is another
// instance's and proven.
func (m *Mirror) ClaimDevice(ctx context.Context, jid types.JID) error {
	return m.ownDevice(ctx, "claim_device", jid)
}

// ProveDevice records that WhatsApp has let the instance's device in. Errors as those of
// ClaimDevice: ErrDeviceTaken when the device is not the instance's any more.
func (m *Mirror) ProveDevice(ctx context.Context, jid types.JID) error {
	return m.ownDevice(ctx, "prove_device", jid)
}

func (m *Mirror) ownDevice(ctx context.Context, function string, jid types.JID) error {
	_, err := m.pool.Exec(ctx, "select "+function+"($1, $2, $3)", m.instance, m.generation, jid.String())
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pgErr.Code {
		case "WM001":
			return ErrFenced
		case "WM004":
			return ErrDeviceTaken
		}
	}
	if err != nil {
		return fmt.Errorf("record device of instance: %w", err)
	}
	return nil
}

// ReleaseDevice deletes the keys of the instance's device. Afterwards the device may
// become another instance's.
func (m *Mirror) ReleaseDevice(ctx context.Context, jid types.JID) error {
	if _, err := m.pool.Exec(ctx, "select release_device($1, $2)", m.instance, jid.String()); err != nil {
		return fmt.Errorf("remove device: %w", err)
	}
	return nil
}
