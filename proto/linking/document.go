package linking

import (
	"encoding/json"
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// Event is the name of the event that carries a LinkDocument.
const Event = "link"

// Origin is where a browser has to make the assertion: the passkeys of WhatsApp belong
// to this page (WebAuthn Level 3, 13.4.9; rpId whatsapp.com).
const Origin = "https://web.whatsapp.com"

// The steps of a linking.
const (
	StepIdle    = "idle"    // nothing is under way
	StepQR      = "qr"      // scan the code; between two rounds there is none for a moment
	StepCode    = "code"    // type the code on the phone
	StepPasskey = "passkey" // answer with the account's passkey
	StepConfirm = "confirm" // compare the code with the one on the phone
	StepLinking = "linking" // WhatsApp and the phone are at work
	StepSyncing = "syncing" // linked; chats and messages are coming
	StepReady   = "ready"   // linked
	StepFailed  = "failed"  // nothing goes on until somebody acts
)

// LinkDocument is how far the linking of an account has come. What a step does not have is
// left out.
type LinkDocument struct {
	Version      uint64            `json:"version" doc:"Changes with every change of this document; give it as after to wait for the next one"`
	Step         string            `json:"step" enum:"idle,qr,code,passkey,confirm,linking,syncing,ready,failed"`
	QR           string            `json:"qr,omitempty" doc:"The text in the QR code, as WhatsApp gave it" example:"2@…"`
	QRCode       string            `json:"qrCode,omitempty" doc:"The QR code as a picture, for an <img>" example:"data:image/png;base64,…"`
	ExpiresAt    *time.Time        `json:"expiresAt,omitempty" doc:"When the QR code, the code, or the wait for the passkey ends"`
	Attempt      uint32            `json:"attempt,omitempty" doc:"Which round of codes this is, from 1"`
	AttemptsLeft *uint32           `json:"attemptsLeft,omitempty" doc:"How many rounds come by themselves after this one"`
	Code         string            `json:"code,omitempty" doc:"The code to type on the phone" example:"ABCD-EFGH"`
	Passkey      *LinkPasskey      `json:"passkey,omitempty"`
	Confirmation *LinkConfirmation `json:"confirmation,omitempty"`
	Progress     *LinkProgress     `json:"progress,omitempty"`
	Error        *LinkProblem      `json:"error,omitempty" doc:"What went wrong last. It may stand beside any step: what has expired starts over by itself."`
}

// LinkPasskey is what WhatsApp asks of the account's passkey.
type LinkPasskey struct {
	PublicKey json.RawMessage `json:"publicKey" doc:"PublicKeyCredentialRequestOptionsJSON of WebAuthn"`
	Origin    string          `json:"origin" example:"https://web.whatsapp.com" doc:"The assertion has to be made in a tab of this page"`
	ExpiresAt *time.Time      `json:"expiresAt,omitempty"`
	Snippet   string          `json:"snippet" doc:"One line for the console of the browser in a tab of that page. It shows a button, and then the answer to give back."`
}

// LinkConfirmation is a code that both sides have computed.
type LinkConfirmation struct {
	Code     string `json:"code" example:"ABCD-EFGH"`
	Required bool   `json:"required" doc:"Whether somebody has to say that the phone shows the same code"`
}

// LinkProgress is what has come of the account's past.
type LinkProgress struct {
	Chats    uint64 `json:"chats"`
	Messages uint64 `json:"messages"`
	Percent  uint32 `json:"percent" maximum:"100"`
}

// LinkProblem is what went wrong, and what to do about it.
type LinkProblem struct {
	Code   string `json:"code" example:"passkey_expired"`
	Detail string `json:"detail,omitempty"`
	Action string `json:"action" doc:"What to do next, in a sentence"`
}

// Of returns the document of a worker's link; nil is that of a worker that has not said
// anything yet.
func Of(link *workerv1.Link) LinkDocument {
	l := link.GetLinking()
	doc := LinkDocument{Version: l.GetVersion(), Step: stepOf(link)}
	switch doc.Step {
	case StepQR:
		doc.QR, doc.ExpiresAt = link.GetQr(), workerv1.TimeOf(link.GetQrExpiresAt())
	case StepCode:
		doc.Code, doc.ExpiresAt = link.GetPairingCode(), workerv1.TimeOf(link.GetPairingCodeExpiresAt())
		doc.QR = link.GetQr()
	case StepPasskey:
		doc.ExpiresAt = workerv1.TimeOf(l.GetPasskey().GetExpiresAt())
		doc.Passkey = &LinkPasskey{
			PublicKey: l.GetPasskey().GetOptions(), Origin: Origin, ExpiresAt: doc.ExpiresAt,
			Snippet: Snippet(l.GetPasskey().GetOptions()),
		}
	case StepSyncing:
		doc.Progress = &LinkProgress{Chats: l.GetChats(), Messages: l.GetMessages(), Percent: link.GetHistoryProgress()}
	}
	if doc.Step == StepQR || doc.Step == StepCode {
		left := l.GetAttemptsLeft()
		doc.Attempt, doc.AttemptsLeft = l.GetAttempt(), &left
	}
	if c := l.GetConfirmation(); c != nil {
		doc.Confirmation = &LinkConfirmation{Code: c.GetCode(), Required: c.GetRequired()}
	}
	if p := l.GetProblem(); p.GetCode() != "" {
		doc.Error = NewProblem(p.GetCode(), p.GetDetail())
	}
	return doc
}

var steps = map[workerv1.LinkStep]string{
	workerv1.LinkStep_LINK_STEP_IDLE: StepIdle, workerv1.LinkStep_LINK_STEP_QR: StepQR,
	workerv1.LinkStep_LINK_STEP_CODE: StepCode, workerv1.LinkStep_LINK_STEP_PASSKEY: StepPasskey,
	workerv1.LinkStep_LINK_STEP_CONFIRM: StepConfirm, workerv1.LinkStep_LINK_STEP_LINKING: StepLinking,
	workerv1.LinkStep_LINK_STEP_SYNCING: StepSyncing, workerv1.LinkStep_LINK_STEP_READY: StepReady,
	workerv1.LinkStep_LINK_STEP_FAILED: StepFailed,
}

// InCeremony reports whether a person, the phone or WhatsApp is at work on a passkey or
// on what follows it. That ends within minutes, one way or the other.
func InCeremony(step workerv1.LinkStep) bool {
	switch step {
	case workerv1.LinkStep_LINK_STEP_PASSKEY, workerv1.LinkStep_LINK_STEP_CONFIRM, workerv1.LinkStep_LINK_STEP_LINKING:
		return true
	}
	return false
}

// stepOf also reads the link of a worker that is of a build without steps.
func stepOf(link *workerv1.Link) string {
	if step, ok := steps[link.GetLinking().GetStep()]; ok {
		return step
	}
	switch {
	case link.GetJid() != "":
		return StepReady
	case link.GetPairingCode() != "":
		return StepCode
	case link.GetState() == workerv1.LinkState_LINK_STATE_PAIRING:
		return StepQR
	}
	return StepIdle
}
