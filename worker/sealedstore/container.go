package sealedstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"

	"whatsapp-manager/proto/seal"
)

// ErrKey says that a device is sealed and its key is not available. Nothing was changed.
var ErrKey = errors.New("the device's keys cannot be opened")

// Container keeps devices, as whatsmeow's own container does. It is safe for concurrent
// use.
type Container struct {
	lib   *sqlstore.Container
	pool  *pgxpool.Pool
	ring  *seal.Ring
	under func(*store.Device)
}

var _ store.DeviceContainer = (*Container)(nil)

// New puts seals in front of whatsmeow's container. The pool's connections find
// whatsmeow's tables. ring has the instance's keys; a nil ring seals and opens nothing.
//
// under is called with every device that got whatsmeow's stores, before seals are put in
// front of them. Stores that read the tables in other ways belong there, and see sealed
// values as they stand in the tables. It may be nil.
func New(lib *sqlstore.Container, pool *pgxpool.Pool, ring *seal.Ring, under func(*store.Device)) *Container {
	if under == nil {
		under = func(*store.Device) {}
	}
	return &Container{lib, pool, ring, under}
}

// Library returns whatsmeow's own container.
func (c *Container) Library() *sqlstore.Container { return c.lib }

// NewDevice returns a device that is not paired. Pairing saves it, sealed.
func (c *Container) NewDevice() *store.Device {
	device := c.lib.NewDevice()
	device.Container = c
	return device
}

// PutDevice saves a device. A device that was saved before keeps its keys.
func (c *Container) PutDevice(ctx context.Context, device *store.Device) error {
	had := device.Initialized
	if device.ID == nil || c.ring == nil {
		err := c.lib.PutDevice(ctx, device)
		if !had && device.Initialized {
			c.adopt(device)
		}
		return err
	}
	sealer := c.ring.Device(device.ID.String())
	kept := *device
	kept.AdvSecretKey = sealer.SealKeys(seal.DeviceKeys{
		Noise: *device.NoiseKey.Priv, Identity: *device.IdentityKey.Priv, SignedPreKey: *device.SignedPreKey.Priv, Adv: device.AdvSecretKey,
	})
	kept.NoiseKey, kept.IdentityKey = &keys.KeyPair{Priv: new([32]byte)}, &keys.KeyPair{Priv: new([32]byte)}
	kept.SignedPreKey = &keys.PreKey{
		KeyPair: keys.KeyPair{Priv: new([32]byte)},
		KeyID:   device.SignedPreKey.KeyID, Signature: device.SignedPreKey.Signature,
	}
	user, server, _ := strings.Cut(seal.MarkLID(device.LID.String()), "@")
	kept.LID = types.NewJID(user, server)
	err := c.lib.PutDevice(ctx, &kept)
	if !had {
		c.initialize(device, sealer)
	}
	return err
}

// DeleteDevice deletes a device with everything that belongs to it, unless another one
// has been paired under its address: where all workers share a role, that would go.
func (c *Container) DeleteDevice(ctx context.Context, device *store.Device) error {
	if device.ID == nil {
		return sqlstore.ErrDeviceIDMustBeSet
	}
	_, err := c.pool.Exec(ctx, "delete from whatsmeow_device where jid = $1 and adv_device_sig = $2",
		device.ID.String(), device.Account.GetDeviceSignature())
	if err != nil {
		return fmt.Errorf("delete device: %w", err)
	}
	return nil
}

// adopt makes this container the one of a device that has whatsmeow's stores.
func (c *Container) adopt(device *store.Device) {
	c.under(device)
	device.Container = c
}

// initialize gives a device its stores, as whatsmeow's own container does, and
// puts seals in front of them.
func (c *Container) initialize(device *store.Device, sealer *seal.Device) {
	device.SetAllStores(sqlstore.NewSQLStore(c.lib, *device.ID))
	device.LIDs = c.lib.LIDMap
	device.Initialized = true
	c.adopt(device)
	device.PreKeys = preKeys{device.PreKeys, sealer, c.ring.ID()}
	device.Sessions = sessions{device.Sessions, sealer}
	device.SenderKeys = senderKeys{device.SenderKeys, sealer}
	device.AppStateKeys = appStateKeys{device.AppStateKeys, sealer}
	device.MsgSecrets = messageSecrets{device.MsgSecrets, sealer}
	device.PrivacyTokens = privacyTokens{device.PrivacyTokens, sealer}
	device.NCTSalt = nctSalt{device.NCTSalt, sealer}
	device.EventBuffer = eventBuffer{device.EventBuffer, sealer}
}

// GetDevice returns the device with this AD-JID, nil when there is none. A device that is
// not sealed, or is sealed with an older key of the ring, is sealed first. Error: ErrKey.
func (c *Container) GetDevice(ctx context.Context, jid types.JID) (*store.Device, error) {
	if c.ring == nil {
		return c.unsealed(ctx, jid)
	}
	sealer := c.ring.Device(jid.String())
	device, err := c.read(ctx, jid, sealer)
	if errors.Is(err, errStale) {
		if err = c.reseal(ctx, jid.String(), sealer); err == nil {
			device, err = c.read(ctx, jid, sealer)
		}
	}
	return device, err
}

// unsealed reads a device for a worker without keys, whose manager is so old that it has
// none.
func (c *Container) unsealed(ctx context.Context, jid types.JID) (*store.Device, error) {
	var adv []byte
	err := c.pool.QueryRow(ctx, "select adv_key from whatsmeow_device where jid = $1", jid.String()).Scan(&adv)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read device: %w", err)
	}
	if id, sealed := seal.KeyOf(adv); sealed {
		return nil, fmt.Errorf("%w: they are sealed with key %s, and the manager gave none", ErrKey, id)
	}
	device, err := c.lib.GetDevice(ctx, jid)
	if device != nil {
		c.adopt(device)
	}
	return device, err
}

// errStale says that a device is not sealed with the ring's present key.
var errStale = errors.New("the device is not sealed with the present key")

// columns are all columns of whatsmeow's table, in the order of read.
const columns = `jid, lid, registration_id, signed_pre_key_id, signed_pre_key_sig, noise_key, identity_key, signed_pre_key, adv_key,
	adv_details, adv_account_sig, adv_account_sig_key, adv_device_sig,
	platform, business_name, push_name, facebook_uuid, lid_migration_ts, companion_meta_nonce`

// read reads a sealed device. whatsmeow's own way would fail at the marked LID. That is
// intended where there are no seals.
func (c *Container) read(ctx context.Context, jid types.JID, sealer *seal.Device) (*store.Device, error) {
	device := c.lib.NewDevice() // for its fields that are not in the row
	var account waAdv.ADVSignedDeviceIdentity
	var lid sql.NullString
	var facebook uuid.NullUUID
	var adv, signature []byte
	var noise, identity, signed []byte // zero
	device.ID = new(types.JID)
	err := c.pool.QueryRow(ctx, "select "+columns+" from whatsmeow_device where jid = $1", jid.String()).Scan(
		device.ID, &lid, &device.RegistrationID, &device.SignedPreKey.KeyID, &signature, &noise, &identity, &signed, &adv,
		&account.Details, &account.AccountSignature, &account.AccountSignatureKey, &account.DeviceSignature,
		&device.Platform, &device.BusinessName, &device.PushName, &facebook, &device.LIDMigrationTimestamp, &device.CompanionMetaNonce)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read device: %w", err)
	}
	if by, _ := seal.KeyOf(adv); by != c.ring.ID() {
		return nil, errStale
	}
	own, err := sealer.OpenKeys(adv)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if len(signature) != 64 {
		return nil, sqlstore.ErrInvalidLength
	}
	if device.LID, err = parse(seal.UnmarkLID(lid.String)); err != nil {
		return nil, fmt.Errorf("read device: %w", err)
	}
	device.NoiseKey = keys.NewKeyPairFromPrivateKey(own.Noise)
	device.IdentityKey = keys.NewKeyPairFromPrivateKey(own.Identity)
	device.SignedPreKey.KeyPair = *keys.NewKeyPairFromPrivateKey(own.SignedPreKey)
	device.SignedPreKey.Signature = (*[64]byte)(signature)
	device.AdvSecretKey = own.Adv
	device.Account, device.FacebookUUID = &account, facebook.UUID
	c.initialize(device, sealer)
	return device, nil
}

func parse(lid string) (types.JID, error) {
	if lid == "" {
		return types.EmptyJID, nil
	}
	return types.ParseJID(lid)
}
