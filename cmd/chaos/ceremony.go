package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"syscall"

	"whatsapp-manager/proto/linking"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/passkey"
	"whatsapp-manager/worker/wasim/passkey/authenticator"
)

// linkWithin is for one account to be linked while everything else goes wrong.
const linkWithin = 180 * sec

// What goes wrong in a ceremony itself, by the count of its fault.
const (
	allWell      = iota + 1
	tooLate      // the time of the challenge ends
	forgedAnswer // the first answer has a wrong signature
	rejected     // somebody rejects the new device on the phone
	workerLost   // the worker is killed between question and answer
)

const mishaps = workerLost

// newcomer is an account that is linked with its passkey during the faults.
type newcomer struct {
	l       *chaosLab
	account *wasim.Account
	key     authenticator.Credential
	mishap  int // still to come
	id      string
	started bool
}

// linkNewcomer links one more account, whatever happens meanwhile, and deletes its
// instance. It fails when the account is not linked in time.
func (l *chaosLab) linkNewcomer(ctx context.Context, f fault) (hit bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, linkWithin)
	defer cancel()
	number := fmt.Sprint(15630000000 + l.newcomers.Add(1))
	n := &newcomer{l: l, mishap: f.count}
	if n.account, err = l.Sim.CreateAccount(number, "Newcomer", wasim.AccountOptions{}); err != nil {
		return false, err
	}
	demand, err := n.account.DemandPasskey(passkey.Demand{AlwaysConfirm: f.count == rejected})
	if err != nil {
		return false, err
	}
	n.key = authenticator.Credential(demand.Credential)
	err = l.until(ctx, "an instance for a newcomer", func() (err error) {
		n.id, _, err = l.admin.Create(ctx, "newcomer "+number)
		return err
	})
	if err != nil {
		return true, err
	}
	if err = l.until(ctx, fmt.Sprintf("newcomer %s with mishap %d is linked", n.id, f.count), func() error { return n.act(ctx) }); err != nil {
		return true, err
	}
	return true, l.until(ctx, "the newcomer is gone", func() error {
		answer, err := l.admin.Do(ctx, http.MethodDelete, "/api/instances/"+n.id, nil)
		if err == nil && answer.Status != http.StatusNoContent && answer.Status != http.StatusNotFound {
			err = fmt.Errorf("delete: %d", answer.Status)
		}
		return err
	})
}

// act does what the linking asks for now. It fails as long as the account is not linked.
func (n *newcomer) act(ctx context.Context) error {
	var doc linking.LinkDocument
	if err := n.ask(ctx, http.StatusOK, http.MethodGet, "", nil, &doc); err != nil {
		return err
	}
	waits := fmt.Errorf("the step is %s", doc.Step)
	switch {
	case doc.Step == linking.StepReady:
		return nil
	case doc.Step == linking.StepIdle && !n.started, doc.Step == linking.StepFailed:
		if err := n.ask(ctx, http.StatusAccepted, http.MethodPost, "", nil, nil); err != nil {
			return errors.Join(waits, err)
		}
		n.started = true
	case doc.QR != "":
		_, err := n.account.StartQR(doc.QR)
		return errors.Join(waits, err)
	case doc.Passkey != nil:
		return errors.Join(waits, n.answer(ctx, doc))
	case n.mishap == rejected && doc.Confirmation != nil:
		n.mishap = allWell
		return errors.Join(waits, n.account.RejectLinking())
	case doc.Confirmation != nil:
		// The phone asks only where the demand says so.
		if err := n.account.ConfirmCode(doc.Confirmation.Code); err != nil && !errors.Is(err, passkey.ErrNoCode) {
			return errors.Join(waits, err)
		}
	}
	return waits
}

// answer gives the passkey's answer, or has the mishap that is due.
func (n *newcomer) answer(ctx context.Context, doc linking.LinkDocument) error {
	owner := authenticator.Authenticator{Credential: n.key}
	switch n.mishap {
	case tooLate:
		n.mishap = allWell
		if err := n.account.ExpireLinking(); err != nil {
			return err
		}
	case workerLost:
		n.mishap = allWell
		for _, pid := range n.l.stack.Workers()[n.id] {
			return signalTo(pid, syscall.SIGKILL)
		}
	case forgedAnswer:
		n.mishap, owner.Forged = allWell, true
	}
	answer, err := owner.Get(doc.Passkey.PublicKey)
	if err != nil {
		return err
	}
	return n.ask(ctx, http.StatusOK, http.MethodPost, "/passkey", json.RawMessage(answer), nil)
}

func (n *newcomer) ask(ctx context.Context, status int, method, path string, body, out any) error {
	return n.l.admin.Want(ctx, status, method, "/api/instances/"+n.id+"/link"+path, body, out)
}
