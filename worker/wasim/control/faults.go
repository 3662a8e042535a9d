package control

import (
	"net/http"
	"slices"
	"time"

	"whatsapp-manager/worker/wasim"
)

type faultRequest struct {
	Fault     string `json:"fault"`
	Number    string `json:"number"`
	Device    int    `json:"device"`
	Code      int    `json:"code"`
	Count     *int   `json:"count"`
	Duration  string `json:"duration"`
	Namespace string `json:"namespace"`
}

func (a *api) fault(_ *http.Request, request faultRequest) (reply, error) {
	devices, planned, err := a.targets(request)
	if err != nil {
		return reply{}, err
	}
	length, err := duration(request.Duration, 0)
	if err != nil {
		return reply{}, err
	}
	hit := ok(object{"devices": len(devices)})
	if lock := reachoutFault(request.Fault, length); lock != nil {
		for _, account := range accountsOf(devices) {
			lock(account)
		}
		return hit, nil
	}
	if plan := a.plannedFault(request, length); plan != nil {
		plan(planned)
		return hit, nil
	}
	play := connectionFault(request, length)
	if play == nil {
		return reply{}, badRequest("fault: %q is unknown", request.Fault)
	}
	for _, device := range devices {
		play(device)
	}
	return hit, nil
}

// targets are the devices that a fault hits, and where it is planned for later.
func (a *api) targets(request faultRequest) (devices []*wasim.Device, planned *wasim.Faults, err error) {
	if request.Number == "" {
		a.server.EveryDevice(func(d *wasim.Device) { devices = append(devices, d) })
		return devices, &a.server.Faults, nil
	}
	account, err := a.find(request.Number)
	if err != nil {
		return nil, nil, err
	}
	if request.Device == 0 {
		return account.Devices(), &account.Faults, nil
	}
	device, err := findDevice(account, request.Device)
	if err != nil {
		return nil, nil, err
	}
	return []*wasim.Device{device}, &device.Faults, nil
}

// connectionFault is a fault that hits present connections; nil for another name.
func connectionFault(request faultRequest, length time.Duration) func(*wasim.Device) {
	switch request.Fault {
	case "drop":
		return (*wasim.Device).Drop
	case "mid_frame":
		return (*wasim.Device).DropMidFrame
	case "close":
		return (*wasim.Device).CloseClean
	case "black_hole":
		return (*wasim.Device).BlackHole
	case "resume":
		return (*wasim.Device).Resume
	case "delay":
		return func(d *wasim.Device) { d.Delay(length) }
	case "repeat":
		return func(d *wasim.Device) { d.RepeatLast() }
	case "garbage":
		return func(d *wasim.Device) { d.Garbage(request.Code) }
	case "log_out":
		return (*wasim.Device).LogOut
	case "replace":
		return (*wasim.Device).ReplaceStream
	case "stream_error":
		return func(d *wasim.Device) { d.StreamError(request.Code) }
	case "stream_end":
		return (*wasim.Device).StreamEnd
	}
	return nil
}

// plannedFault is a fault for the next occasions; nil for another name.
func (a *api) plannedFault(request faultRequest, length time.Duration) func(*wasim.Faults) {
	count := 1
	if request.Count != nil {
		count = *request.Count
	}
	switch request.Fault {
	case "refuse_login":
		return func(f *wasim.Faults) { f.RefuseLogin(request.Code, count) }
	case "temporary_ban":
		return func(f *wasim.Faults) { f.TemporaryBan(request.Code, length, count) }
	case "iq_error":
		return func(f *wasim.Faults) { f.IQError(request.Namespace, request.Code, count) }
	case "message_error":
		return func(f *wasim.Faults) { f.MessageError(request.Code, count) }
	case "lose_acks":
		return func(f *wasim.Faults) { f.LoseAcks(count) }
	case "lose_races":
		return func(f *wasim.Faults) { f.LoseRaces(count) }
	case "corrupt":
		return func(f *wasim.Faults) { f.CorruptMessages(count) }
	case "refuse_upgrade":
		return func(*wasim.Faults) { a.server.RefuseUpgrade(request.Code, count) }
	case "stall_upgrade":
		return func(*wasim.Faults) { a.server.StallUpgrade(count) }
	case "drop_handshake":
		return func(*wasim.Faults) { a.server.DropHandshakes(count) }
	case "heal":
		if request.Number == "" {
			return func(*wasim.Faults) { a.server.Heal() }
		}
		return (*wasim.Faults).Heal
	}
	return nil
}

// reachoutFault is a fault that hits accounts; nil for another name.
func reachoutFault(name string, length time.Duration) func(*wasim.Account) {
	until := time.Now().Add(length)
	switch name {
	case "reachout_lock":
		return func(a *wasim.Account) { a.LockReachout(until) }
	case "reachout_lock_silent":
		return func(a *wasim.Account) { a.LockReachoutSilently(until) }
	case "reachout_warn":
		return func(a *wasim.Account) { a.WarnReachout(until) }
	}
	return nil
}

// accountsOf are the accounts of devices, each once.
func accountsOf(devices []*wasim.Device) (accounts []*wasim.Account) {
	for _, d := range devices {
		if a := d.Account(); !slices.Contains(accounts, a) {
			accounts = append(accounts, a)
		}
	}
	return accounts
}
