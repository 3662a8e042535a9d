package archive

import (
	"errors"
	"slices"

	"whatsapp-manager/proto/fault"
	protoseal "whatsapp-manager/proto/seal" // seal is what encrypts a file here
)

// vault stands between a database, in which secrets are sealed, and a file, in
// which they are open: it is encrypted as a whole, and another server has other
// keys.
type vault struct {
	ring     *protoseal.Ring // nil: this server seals nothing
	instance string
	device   *protoseal.Device
	by       string // on the way out: the key that the device is sealed with, "" when it is open
}

func newVault(ring *protoseal.Ring, h Header) *vault {
	v := &vault{ring: ring, instance: string(h.Instance)}
	if ring != nil && h.Device != "" {
		v.device = ring.Instance(v.instance).Device(h.Device)
	}
	return v
}

// turn changes a row in place. False leaves it out.
type turn func(r row) (keep bool, err error)

// way is a direction through the vault: what happens to the rows of each table.
type way struct {
	webhook, device, preKey turn
	column                  func(c protoseal.Column) turn
}

// turn returns what happens to a table's rows, nil when nothing does. Damaged when
// a column is missing that it takes.
func (w way) turn(name string, columns []string) (turn, error) {
	var t turn
	var needs []string
	switch name {
	case "webhook_endpoints":
		t, needs = w.webhook, []string{"id", "secret", "headers"}
	case "whatsmeow_device":
		t, needs = w.device, []string{"noise_key", "identity_key", "signed_pre_key", "adv_key", "lid"}
	case "whatsmeow_pre_keys":
		t, needs = w.preKey, []string{"key_id", "key"}
	default:
		i := slices.IndexFunc(protoseal.Columns, func(c protoseal.Column) bool { return c.Table == name })
		if i < 0 {
			return nil, nil
		}
		c := protoseal.Columns[i]
		if t, needs = w.column(c), []string{c.Name}; c.Bind != "" {
			needs = append(needs, c.Bind)
		}
	}
	for _, column := range needs {
		if !slices.Contains(columns, column) {
			return nil, damaged("%s has no %s", name, column)
		}
	}
	return t, nil
}

// out opens what leaves. A device that does not open ends the export; another
// value that does not is left out, as it is lost here, too.
func (v *vault) out() way {
	return way{webhook: v.webhookOut, device: v.deviceOut, preKey: v.preKeyOut, column: v.columnOut}
}

// in seals what comes. Nothing in a file is taken for sealed.
func (v *vault) in() way {
	if v.ring == nil {
		nothing := func(row) (bool, error) { return true, nil }
		return way{nothing, nothing, nothing, func(protoseal.Column) turn { return nothing }}
	}
	return way{webhook: v.webhookIn, device: v.deviceIn, preKey: v.preKeyIn, column: v.columnIn}
}

func (v *vault) webhookOut(r row) (bool, error) {
	id, secret, headers := r.text("id"), r.bytes("secret"), r.text("headers")
	if v.ring == nil {
		_, sealed := protoseal.KeyOf(secret)
		return !sealed, r.err
	}
	openSecret, openHeaders, _, err := v.ring.Webhooks().Open(id, v.instance, secret, []byte(headers))
	if err != nil {
		return false, r.err
	}
	r.setBytes("secret", openSecret)
	r.setText("headers", string(openHeaders))
	return true, r.err
}

func (v *vault) webhookIn(r row) (bool, error) {
	secret, headers := v.ring.Webhooks().Seal(r.text("id"), v.instance, r.bytes("secret"), []byte(r.text("headers")))
	r.setBytes("secret", secret)
	r.setText("headers", string(headers))
	return true, r.err
}

func (v *vault) deviceOut(r row) (bool, error) {
	adv := r.bytes("adv_key")
	if v.by, _ = protoseal.KeyOf(adv); v.by == "" {
		return true, r.err
	}
	var own protoseal.DeviceKeys
	err := protoseal.ErrUnknown
	if v.device != nil {
		own, err = v.device.OpenKeys(adv)
	}
	if err != nil {
		return false, fault.Wrap(fault.Conflict, "archive.Export", err, "the keys of the account cannot be opened with this server's secret key")
	}
	r.setBytes("noise_key", own.Noise[:])
	r.setBytes("identity_key", own.Identity[:])
	r.setBytes("signed_pre_key", own.SignedPreKey[:])
	r.setBytes("adv_key", own.Adv)
	r.setText("lid", protoseal.UnmarkLID(r.text("lid")))
	return true, r.err
}

func (v *vault) deviceIn(r row) (bool, error) {
	own := protoseal.DeviceKeys{Noise: r.key("noise_key"), Identity: r.key("identity_key"), SignedPreKey: r.key("signed_pre_key"), Adv: r.bytes("adv_key")}
	zero := make([]byte, 32)
	r.setBytes("noise_key", zero)
	r.setBytes("identity_key", zero)
	r.setBytes("signed_pre_key", zero)
	r.setBytes("adv_key", v.device.SealKeys(own))
	r.setText("lid", protoseal.MarkLID(r.text("lid")))
	return true, r.err
}

func (v *vault) preKeyOut(r row) (bool, error) {
	if v.by == "" {
		return true, nil
	}
	key, ok := v.device.OpenPreKey(v.by, r.number("key_id"), r.key("key"))
	r.setBytes("key", key[:])
	return ok, r.err
}

func (v *vault) preKeyIn(r row) (bool, error) {
	sealed := v.device.SealPreKey(r.number("key_id"), r.key("key"))
	r.setBytes("key", sealed[:])
	return true, r.err
}

func (v *vault) columnOut(c protoseal.Column) turn {
	return func(r row) (bool, error) {
		kept := r.bytes(c.Name)
		_, sealed := protoseal.KeyOf(kept)
		switch {
		case kept == nil, v.by == "" && !sealed:
			return true, r.err
		case v.device == nil:
			return false, r.err
		}
		value, err := v.device.Open(c.Table, kept, v.bound(r, c)...)
		if err != nil {
			return false, r.err
		}
		r.setBytes(c.Name, value)
		return true, r.err
	}
}

func (v *vault) columnIn(c protoseal.Column) turn {
	return func(r row) (bool, error) {
		if value := r.bytes(c.Name); value != nil {
			r.setBytes(c.Name, v.device.Seal(c.Table, value, v.bound(r, c)...))
		}
		return true, r.err
	}
}

// bound is what a value is bound to: text, or bytes of a hash.
func (v *vault) bound(r row, c protoseal.Column) []string {
	switch c.Bind {
	case "":
		return nil
	case "ciphertext_hash":
		return []string{string(r.bytes(c.Bind))}
	}
	return []string{r.text(c.Bind)}
}

var errTooLong = errors.New("a row is longer than any that belongs there")
