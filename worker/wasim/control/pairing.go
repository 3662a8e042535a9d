package control

import (
	"context"
	"net/http"
	"time"

	"whatsapp-manager/worker/wasim"
)

// pairingTimeout bounds how long a pairing may take.
const pairingTimeout = time.Minute

type scanRequest struct {
	QR string `json:"qr"`
}

func (a *api) scan(ctx context.Context, account *wasim.Account, request scanRequest) (reply, error) {
	return pair(ctx, account, account.ScanQR, request.QR)
}

type codeRequest struct {
	Code string `json:"code"`
}

func (a *api) code(ctx context.Context, account *wasim.Account, request codeRequest) (reply, error) {
	return pair(ctx, account, account.EnterCode, request.Code)
}

func pair(
	ctx context.Context, account *wasim.Account, by func(context.Context, string) error, shown string,
) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, pairingTimeout)
	defer cancel()
	if err := by(ctx, shown); err != nil {
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
