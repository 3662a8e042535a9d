package worker

import (
	"reflect"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"whatsapp-manager/proto/linking"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/link"
	"whatsapp-manager/worker/redact"
)

// announceLinking gives a linking that has changed its version, and writes it to the
// feed. Versions rise from worker to worker, because they begin with the clock.
func (c *core) announceLinking(status *workerv1.Link) {
	if status.GetLinking() == nil {
		return
	}
	doc := linking.Of(status)
	doc.Version = c.loop.linking.Version
	if reflect.DeepEqual(doc, c.loop.linking) {
		status.Linking.Version = doc.Version
		return
	}
	doc.Version = max(doc.Version+1, uint64(time.Now().UnixMilli()))
	status.Linking.Version, c.loop.linking = doc.Version, doc
	c.announcer.announce(linking.Event, doc)
}

// linkingNow tells how the linking of the account goes.
func (c *core) linkingNow() *workerv1.Linking {
	l := &c.loop
	if l.link.WAState() == "" {
		return nil
	}
	now := &workerv1.Linking{
		Step: c.stepNow(), Chats: l.bootstrap.chats, Messages: l.bootstrap.messages,
		Attempt: uint32(l.link.Rounds()), AttemptsLeft: uint32(max(c.tuning.PairingRounds-l.link.Rounds(), 0)),
	}
	switch now.Step {
	case workerv1.LinkStep_LINK_STEP_PASSKEY:
		now.Passkey = &workerv1.LinkPasskey{Options: l.ceremony.options, ExpiresAt: timestamppb.New(l.ceremony.expires)}
	case workerv1.LinkStep_LINK_STEP_CONFIRM, workerv1.LinkStep_LINK_STEP_LINKING:
		if l.link.Ceremony() >= link.CodeToCompare {
			now.Confirmation = &workerv1.LinkConfirmation{Code: l.ceremony.code, Required: l.link.Ceremony() == link.CodeToCompare}
		}
	}
	if p := c.problemNow(now.Step); p.Code != "" {
		now.Problem = &workerv1.LinkProblem{Code: p.Code, Detail: redact.Text(p.Detail)}
	}
	return now
}

// problemNow is what goes wrong with the linking itself or, while nothing is shown, with
// the connection that it needs.
func (c *core) problemNow(step workerv1.LinkStep) link.Problem {
	l := c.loop.link
	switch {
	case step == workerv1.LinkStep_LINK_STEP_READY:
		return link.Problem{}
	case l.Problem().Code != "":
		return l.Problem()
	case step == workerv1.LinkStep_LINK_STEP_FAILED,
		step == workerv1.LinkStep_LINK_STEP_QR && l.State() == workerv1.LinkState_LINK_STATE_CONNECTING:
		return link.Problem{Code: l.Reason(), Detail: l.Detail()}
	}
	return link.Problem{}
}

var ceremonySteps = map[link.Ceremony]workerv1.LinkStep{
	link.PasskeyAsked:  workerv1.LinkStep_LINK_STEP_PASSKEY,
	link.PasskeySent:   workerv1.LinkStep_LINK_STEP_LINKING,
	link.PasskeyTaken:  workerv1.LinkStep_LINK_STEP_LINKING,
	link.CodeToCompare: workerv1.LinkStep_LINK_STEP_CONFIRM,
	link.CodeConfirmed: workerv1.LinkStep_LINK_STEP_LINKING,
}

func (c *core) stepNow() workerv1.LinkStep {
	l := c.loop.link
	if step, ok := ceremonySteps[l.Ceremony()]; ok {
		return step
	}
	switch l.State() {
	case workerv1.LinkState_LINK_STATE_LOGGED_OUT, workerv1.LinkState_LINK_STATE_REFUSED:
		return workerv1.LinkStep_LINK_STEP_FAILED
	case workerv1.LinkState_LINK_STATE_UNPAIRED:
		if l.Reason() == "cancelled" || l.Reason() == "logged_out" {
			return workerv1.LinkStep_LINK_STEP_IDLE
		}
		return workerv1.LinkStep_LINK_STEP_FAILED
	}
	switch {
	case !l.Paired() && c.loop.codes.phone != "":
		return workerv1.LinkStep_LINK_STEP_CODE
	case !l.Paired():
		return workerv1.LinkStep_LINK_STEP_QR
	case l.Fresh() && l.WAState() == link.WAConnected:
		return workerv1.LinkStep_LINK_STEP_SYNCING
	case l.Fresh():
		return workerv1.LinkStep_LINK_STEP_LINKING
	}
	return workerv1.LinkStep_LINK_STEP_READY
}
