package wasim

import (
	"net/http"
	"time"
)

// faultRequest is a fault in the control API.
type faultRequest struct {
	Fault     string `json:"fault"`
	Number    string `json:"number"`
	Device    int    `json:"device"`
	Code      int    `json:"code"`
	Count     *int   `json:"count"`
	Duration  string `json:"duration"`
	Namespace string `json:"namespace"`
}

func (s *Server) controlFaults(r *http.Request) (int, any, error) {
	var request faultRequest
	if err := decode(r, &request); err != nil {
		return 0, nil, err
	}
	var devices []*Device
	planned := &s.Faults
	switch {
	case request.Number == "":
		s.EveryDevice(func(d *Device) { devices = append(devices, d) })
	default:
		account, err := s.named(request.Number)
		if err != nil {
			return 0, nil, err
		}
		devices, planned = account.Devices(), &account.Faults
		if request.Device != 0 {
			device, err := account.pick(request.Device)
			if err != nil {
				return 0, nil, err
			}
			devices, planned = []*Device{device}, &device.Faults
		}
	}
	length, err := duration(request.Duration, 0)
	if err != nil {
		return 0, nil, err
	}
	if plan := s.plannedFault(request, length); plan != nil {
		plan(planned)
		return http.StatusOK, map[string]any{"devices": len(devices)}, nil
	}
	play := connectionFault(request, length)
	if play == nil {
		return 0, nil, wrongf("fault: %q is unknown", request.Fault)
	}
	for _, device := range devices {
		play(device)
	}
	return http.StatusOK, map[string]any{"devices": len(devices)}, nil
}

// connectionFault is a fault that hits present connections; nil for another name.
func connectionFault(request faultRequest, length time.Duration) func(*Device) {
	switch request.Fault {
	case "drop":
		return (*Device).Drop
	case "mid_frame":
		return (*Device).DropMidFrame
	case "close":
		return (*Device).CloseClean
	case "black_hole":
		return (*Device).BlackHole
	case "resume":
		return (*Device).Resume
	case "delay":
		return func(d *Device) { d.Delay(length) }
	case "repeat":
		return func(d *Device) { d.RepeatLast() }
	case "garbage":
		return func(d *Device) { d.Garbage(request.Code) }
	case "log_out":
		return (*Device).LogOut
	case "replace":
		return (*Device).ReplaceStream
	case "stream_error":
		return func(d *Device) { d.StreamError(request.Code) }
	case "stream_end":
		return (*Device).StreamEnd
	}
	return nil
}

// plannedFault is a fault for the next occasions; nil for another name.
func (s *Server) plannedFault(request faultRequest, length time.Duration) func(*Faults) {
	count := 1
	if request.Count != nil {
		count = *request.Count
	}
	switch request.Fault {
	case "refuse_login":
		return func(f *Faults) { f.RefuseLogin(request.Code, count) }
	case "temporary_ban":
		return func(f *Faults) { f.TemporaryBan(request.Code, length, count) }
	case "iq_error":
		return func(f *Faults) { f.IQError(request.Namespace, request.Code, count) }
	case "message_error":
		return func(f *Faults) { f.MessageError(request.Code, count) }
	case "lose_acks":
		return func(f *Faults) { f.LoseAcks(count) }
	case "lose_races":
		return func(f *Faults) { f.LoseRaces(count) }
	case "corrupt":
		return func(f *Faults) { f.CorruptMessages(count) }
	case "refuse_upgrade":
		return func(*Faults) { s.RefuseUpgrade(request.Code, count) }
	case "stall_upgrade":
		return func(*Faults) { s.StallUpgrade(count) }
	case "drop_handshake":
		return func(*Faults) { s.DropHandshakes(count) }
	case "heal":
		return (*Faults).Heal
	}
	return nil
}
