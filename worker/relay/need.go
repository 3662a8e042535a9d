package relay

import (
	"time"

	"go.mau.fi/whatsmeow"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// Need is the state that the account must be in before a method is tried.
type Need int

// The states, each of which includes the ones before it.
const (
	NeedNothing Need = iota
	NeedClient       // a client, paired or not
	NeedData         // the data of an account that is paired, or was
	NeedPaired       // a paired account
	NeedOnline       // a connection on which WhatsApp has accepted the account
)

// Check returns Unpaired or Offline when the account is not in the state that a
// method needs. A change while the method runs shows in the method's own errors.
func (d *Deps) Check(cli *whatsmeow.Client, n Need) error {
	if n == NeedNothing {
		return nil
	}
	if cli == nil || cli.Store == nil {
		return d.Away()
	}
	if cli.Store.ID == nil && (n >= NeedPaired || n == NeedData && d.Mirror.Account().JID.IsEmpty()) {
		return unpaired()
	}
	if n >= NeedOnline && !d.LoggedIn(cli) {
		return d.Away()
	}
	return nil
}

// LoggedIn tells whether WhatsApp has accepted the client on its connection.
// whatsmeow's own answer does not do: it stays true from an earlier connection,
// while the next one logs in and after WhatsApp refused it; and a stream error of
// the earlier connection, handled late, makes it false for good. The link goes by
// the events of the present connection.
func (d *Deps) LoggedIn(cli *whatsmeow.Client) bool {
	switch d.Link().GetWaState() {
	case "CONNECTED", "TIMEOUT":
		return cli.IsConnected()
	}
	return false
}

// Away returns the error that says why WhatsApp cannot be asked now.
func (d *Deps) Away() error {
	link := d.Link()
	switch link.GetState() {
	case workerv1.LinkState_LINK_STATE_UNPAIRED, workerv1.LinkState_LINK_STATE_PAIRING,
		workerv1.LinkState_LINK_STATE_LOGGED_OUT:
		return unpaired()
	case workerv1.LinkState_LINK_STATE_REFUSED:
		f := fault.New(fault.Offline, Op, "WhatsApp does not let this account connect: %s", link.GetReason())
		f.Code = link.GetReason()
		if until := link.GetUntil(); until.IsValid() {
			f.RetryAfter = max(0, time.Until(until.AsTime()))
		}
		return f
	}
	f := fault.New(fault.Offline, Op, "the account is not connected to WhatsApp at the moment")
	f.RetryAfter = 2 * time.Second
	return f
}

func unpaired() error {
	return fault.New(fault.Unpaired, Op, "no WhatsApp account is paired with this instance")
}
