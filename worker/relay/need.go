package relay

import (
	"time"

	"go.mau.fi/whatsmeow"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// need is what must be there before a method is tried.
type need int

const (
	needNothing need = iota
	needClient       // a client, paired or not
	needData         // the data of an account that is paired, or was
	needPaired
	needOnline
)

// check answers Unpaired or Offline when the account is not in the state that a
// method needs. What changes while the method runs is found out by its errors.
func (t *Table) check(cli *whatsmeow.Client, n need) error {
	if n == needNothing {
		return nil
	}
	if cli == nil || cli.Store == nil {
		return t.away()
	}
	if cli.Store.ID == nil && (n >= needPaired || n == needData && t.Mirror.Account().JID.IsEmpty()) {
		return unpaired()
	}
	if n >= needOnline && !t.loggedIn(cli) {
		return t.away()
	}
	return nil
}

// loggedIn tells whether WhatsApp has let this connection in. whatsmeow's own
// word does not do. It stays true from an earlier connection, while the next one
// logs in and after WhatsApp refused it; and a stream error of the earlier one,
// handled late, makes it false for good. The link goes by what happened on its
// connection.
func (t *Table) loggedIn(cli *whatsmeow.Client) bool {
	switch t.Link().GetWaState() {
	case "CONNECTED", "TIMEOUT":
		return cli.IsConnected()
	}
	return false
}

// away says why WhatsApp cannot be asked now.
func (t *Table) away() error {
	link := t.Link()
	switch link.GetState() {
	case workerv1.LinkState_LINK_STATE_UNPAIRED, workerv1.LinkState_LINK_STATE_PAIRING, workerv1.LinkState_LINK_STATE_LOGGED_OUT:
		return unpaired()
	case workerv1.LinkState_LINK_STATE_REFUSED:
		f := fault.New(fault.Offline, op, "WhatsApp does not let this account connect: %s", link.GetReason())
		f.Code = link.GetReason()
		if until := link.GetUntil(); until.IsValid() {
			f.RetryAfter = max(0, time.Until(until.AsTime()))
		}
		return f
	}
	f := fault.New(fault.Offline, op, "the account is not connected to WhatsApp at the moment")
	f.RetryAfter = 2 * time.Second
	return f
}

func unpaired() error {
	return fault.New(fault.Unpaired, op, "no WhatsApp account is paired with this instance")
}
