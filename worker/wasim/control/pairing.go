package control

import (
	"context"
	"net/http"
	"time"

	"whatsapp-manager/worker/wasim"
)

// returnTimeout is how long a companion may take for what is not a ceremony.
const returnTimeout = time.Minute

type scanRequest struct {
	QR         string `json:"qr"`
	Background bool   `json:"background"`
}

func (a *api) scan(ctx context.Context, account *wasim.Account, request scanRequest) (reply, error) {
	linking, err := account.StartQR(request.QR)
	if err != nil {
		return reply{}, err
	}
	return linked(ctx, account, linking, request.Background)
}

type linkCodeRequest struct {
	Code       string `json:"code"`
	Background bool   `json:"background"`
}

func (a *api) code(ctx context.Context, account *wasim.Account, request linkCodeRequest) (reply, error) {
	started, cancel := context.WithTimeout(ctx, returnTimeout)
	defer cancel()
	linking, err := account.StartCode(started, request.Code)
	if err != nil {
		return reply{}, err
	}
	return linked(ctx, account, linking, request.Background)
}

// linked answers with the device once it is there, or at once in the background. It
// waits as long as a ceremony can take.
func linked(ctx context.Context, account *wasim.Account, linking *wasim.Linking, background bool) (reply, error) {
	if background {
		return reply{http.StatusAccepted, object{}}, nil
	}
	timeout := returnTimeout
	if demand, demanded := account.Passkey(); demanded {
		timeout += 2 * demand.Lifetime
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := linking.Wait(ctx); err != nil {
		return reply{}, err
	}
	device, err := findDevice(account, 0)
	if err != nil {
		return reply{}, err
	}
	return ok(viewDevice(device)), nil
}

// findDevice is a device by number, the last one linked for 0.
func findDevice(account *wasim.Account, number int) (*wasim.Device, error) {
	devices := account.Devices()
	if number == 0 && len(devices) > 0 {
		return devices[len(devices)-1], nil
	}
	for _, device := range devices {
		if int(device.Number()) == number {
			return device, nil
		}
	}
	return nil, &requestError{http.StatusNotFound, "no such device"}
}

type waitRequest struct {
	Device  int    `json:"device"`
	For     string `json:"for"`
	Logins  int    `json:"logins"`
	Timeout string `json:"timeout"`
}

func (a *api) wait(ctx context.Context, account *wasim.Account, request waitRequest) (reply, error) {
	timeout, err := duration(request.Timeout, 30*time.Second)
	if err != nil {
		return reply{}, err
	}
	device, err := findDevice(account, request.Device)
	if err != nil {
		return reply{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	switch request.For {
	case "idle":
		err = device.WaitIdle(ctx)
	case "connected":
		err = device.WaitConnected(ctx)
	case "disconnected":
		err = device.WaitDisconnected(ctx)
	case "logins":
		err = device.WaitLogins(ctx, request.Logins)
	default:
		err = badRequest("for: %q is not idle, connected, disconnected or logins", request.For)
	}
	if err != nil {
		return reply{}, err
	}
	return ok(viewDevice(device)), nil
}
