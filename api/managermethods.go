package api

import (
	"context"
	"encoding/json"
	"strings"

	"whatsapp-manager/api/linking"
	"whatsapp-manager/api/method"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/phone"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// Managed is a method that the manager answers itself. Its parameters have been
// held against the catalog; what is left out is missing at the end, or null.
type Managed func(ctx context.Context, in store.Instance, params method.Params) (any, error)

// processMethods are the methods about an instance's pairing and its process.
type processMethods struct {
	supervisor wanting
	linking    *linking.Service
}

type wanting interface {
	Want(ctx context.Context, id supervisor.ID, d supervisor.Desired) error
}

// methods are those about the pairing and the process; packages that are mounted
// add theirs.
func (p *processMethods) methods() map[string]Managed {
	return map[string]Managed{
		"initialize": func(ctx context.Context, in store.Instance, _ method.Params) (any, error) {
			return nil, p.supervisor.Want(ctx, in.ID, supervisor.Run)
		},
		"destroy": func(ctx context.Context, in store.Instance, _ method.Params) (any, error) {
			return nil, p.supervisor.Want(ctx, in.ID, supervisor.Stop)
		},
		"requestPairingCode": p.requestPairingCode,
		"cancelPairingCode": func(ctx context.Context, in store.Instance, _ method.Params) (any, error) {
			_, err := p.linking.Pair(ctx, in.ID, &workerv1.PairRequest{Cancel: true})
			return nil, err
		},
		"setDeviceName": p.setDeviceName,
	}
}

// manage answers a method of the catalog that is the manager's.
func (c *calls) manage(ctx context.Context, in store.Instance, m catalog.Method, params method.Params) (json.RawMessage, error) {
	const op = "api.manage"
	do := c.managed[m.Name]
	if do == nil {
		return nil, fault.New(fault.Unimplemented, op, "this manager does not answer %s", m.Name)
	}
	result, err := do(ctx, in, params)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err, "internal error")
	}
	return encoded, nil
}

func (p *processMethods) requestPairingCode(ctx context.Context, in store.Instance, params method.Params) (any, error) {
	var text string
	notify := true
	if err := params.Decode(0, "phoneNumber", &text); err != nil {
		return nil, err
	}
	if err := params.Decode(1, "showNotification", &notify); err != nil {
		return nil, err
	}
	number, err := phone.Digits(strings.TrimSuffix(strings.TrimSuffix(text, "@c.us"), "@s.whatsapp.net"))
	if err != nil {
		return nil, fault.Bad("api.manage", "params[0]", "params[0] (phoneNumber): %v", err)
	}
	answer, err := p.linking.Pair(ctx, in.ID, &workerv1.PairRequest{PhoneNumber: number, ShowNotification: notify})
	if err != nil {
		return nil, err
	}
	return strings.ReplaceAll(answer.GetCode(), "-", ""), nil // as whatsapp-web.js gives it
}

func (p *processMethods) setDeviceName(ctx context.Context, in store.Instance, params method.Params) (any, error) {
	var device, browser string
	if err := params.Decode(0, "deviceName", &device); err != nil {
		return nil, err
	}
	if err := params.Decode(1, "browserName", &browser); err != nil {
		return nil, err
	}
	switch {
	case len(device) > 100:
		return nil, fault.Bad("api.manage", "params[0]", "params[0] (deviceName): is longer than 100 bytes")
	case device == "" && browser == "":
		return nil, fault.Bad("api.manage", "params[0]", "params[0] (deviceName): expected a name")
	}
	switch strings.ToLower(browser) {
	case "", "chrome", "firefox", "edge", "opera", "safari", "ie":
	default:
		return nil, fault.Bad("api.manage", "params[1]", "params[1] (browserName): expected Chrome, Firefox, Edge, Opera, Safari or IE")
	}
	_, err := p.linking.Pair(ctx, in.ID, &workerv1.PairRequest{DeviceName: device, Browser: browser})
	return nil, err
}
