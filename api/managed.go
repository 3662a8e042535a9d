package api

import (
	"context"
	"encoding/json"
	"strings"

	"whatsapp-manager/api/method"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// Managed is a method that the manager answers itself. Its parameters have been
// held against the catalog; what is left out is missing at the end, or null.
type Managed func(ctx context.Context, in store.Instance, params method.Params) (any, error)

// managedMethods are those about the session; packages that are mounted add theirs.
func (s *Server) managedMethods() map[string]Managed {
	return map[string]Managed{
		"initialize": func(ctx context.Context, in store.Instance, _ method.Params) (any, error) {
			return nil, s.supervisor.Want(ctx, in.ID, supervisor.Run)
		},
		"destroy": func(ctx context.Context, in store.Instance, _ method.Params) (any, error) {
			return nil, s.supervisor.Want(ctx, in.ID, supervisor.Stop)
		},
		"requestPairingCode": s.requestPairingCode,
		"cancelPairingCode": func(ctx context.Context, in store.Instance, _ method.Params) (any, error) {
			_, err := s.pair(ctx, in.ID, &workerv1.PairRequest{Cancel: true})
			return nil, err
		},
		"setDeviceName": s.setDeviceName,
	}
}

// manage answers a method of the catalog that is the manager's.
func (s *Server) manage(ctx context.Context, in store.Instance, m catalog.Method, params method.Params) (json.RawMessage, error) {
	const op = "api.manage"
	do := s.managed[m.Name]
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

func (s *Server) requestPairingCode(ctx context.Context, in store.Instance, params method.Params) (any, error) {
	var phone string
	notify := true
	if err := params.Decode(0, "phoneNumber", &phone); err != nil {
		return nil, err
	}
	if err := params.Decode(1, "showNotification", &notify); err != nil {
		return nil, err
	}
	number, ok := digits(strings.TrimSuffix(strings.TrimSuffix(phone, "@c.us"), "@s.whatsapp.net"))
	if !ok {
		return nil, fault.Bad("api.manage", "params[0]", "params[0] (phoneNumber): needs 7 to 15 digits, beginning with the country code")
	}
	answer, err := s.pair(ctx, in.ID, &workerv1.PairRequest{PhoneNumber: number, ShowNotification: notify})
	if err != nil {
		return nil, err
	}
	return strings.ReplaceAll(answer.GetCode(), "-", ""), nil // as whatsapp-web.js gives it
}

func (s *Server) setDeviceName(ctx context.Context, in store.Instance, params method.Params) (any, error) {
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
	_, err := s.pair(ctx, in.ID, &workerv1.PairRequest{DeviceName: device, Browser: browser})
	return nil, err
}

// pair asks the worker, once it is there.
func (s *Server) pair(ctx context.Context, id supervisor.ID, request *workerv1.PairRequest) (answer *workerv1.PairResponse, err error) {
	err = s.settled(ctx, id, pairingWait, func() error {
		worker, err := s.worker(ctx, id)
		if err != nil {
			return err
		}
		answer, err = worker.Pair(ctx, request)
		return err
	})
	return answer, err
}
