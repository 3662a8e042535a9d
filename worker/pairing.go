package worker

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"google.golang.org/protobuf/types/known/timestamppb"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/phone"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/link"
)

const (
	firstCodeFactor = 3 // the first code of a round lives this many times longer
	fullRound       = 6 // codes; a shorter list has no long first one
	pairClientName  = "Chrome (Linux)"
	codeUseful      = 60 * time.Second // a round older than this is renewed for a pairing code
)

// codes are those that can be scanned or typed now. They belong to the main loop.
type codes struct {
	list     []string
	at       int // the code that is shown
	expires  time.Time
	opened   time.Time // of this round
	round    int
	phone    string // the code to type on the phone
	phoneEnd time.Time
}

// codeExpired says that a shown code has expired.
type codeExpired struct{ round, at int }

func (m codeExpired) handle(c *core) {
	shown := &c.loop.codes
	if m.round == shown.round && m.at == shown.at && len(shown.list) > 0 {
		c.showCode(m.at + 1)
	}
}

// pairCall is one call of Pair on its way through the main loop.
type pairCall struct {
	ctx    context.Context
	req    *workerv1.PairRequest
	phone  string          // digits, empty for codes to scan
	answer chan pairAnswer // capacity 1
}

// names says whether the call is to name the device.
func (call *pairCall) names() bool {
	return call.req.GetDeviceName() != "" || call.req.GetBrowser() != ""
}

type pairAnswer struct {
	code    string
	expires time.Time
	err     error
}

// codeDrawn is what WhatsApp answered to the request for a pairing code.
type codeDrawn struct {
	call *pairCall
	code string
	err  error
}

// Pair shows codes to scan, or returns a code to type on the phone whose number the
// request has. Errors are *fault.Error.
func (c *core) Pair(ctx context.Context, req *workerv1.PairRequest) (*workerv1.PairResponse, error) {
	call := &pairCall{ctx: ctx, req: req, answer: make(chan pairAnswer, 1)}
	if number := req.GetPhoneNumber(); number != "" {
		var err error
		if call.phone, err = phone.Digits(number); err != nil {
			return nil, fault.Bad("worker.Pair", "phone_number", "phone_number %s", err)
		}
	}
	c.tell(call)
	select {
	case a := <-call.answer:
		if a.err != nil {
			return nil, a.err
		}
		resp := &workerv1.PairResponse{Code: a.code}
		if !a.expires.IsZero() {
			resp.ExpiresAt = timestamppb.New(a.expires)
		}
		return resp, nil
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, "worker.Pair", ctx.Err(), "WhatsApp cannot be reached")
	}
}

func (p *codes) fill(link *workerv1.Link) {
	if p.at < len(p.list) {
		link.Qr, link.QrExpiresAt = p.list[p.at], timestamppb.New(p.expires)
	}
	if p.phone != "" {
		link.PairingCode, link.PairingCodeExpiresAt = p.phone, timestamppb.New(p.phoneEnd)
	}
}

// end is when the last code of the round expires, and its connection with it.
func (p *codes) end(life time.Duration) time.Time {
	n := len(p.list)
	if n == fullRound {
		n += firstCodeFactor - 1
	}
	return p.opened.Add(time.Duration(n) * life)
}

func (c *core) showCodes(list []string) {
	c.stopCodes()
	c.loop.codes = codes{list: list, round: c.loop.codes.round + 1, opened: time.Now()}
	c.showCode(0)
	waiting := c.loop.waiting
	c.loop.waiting = nil
	for _, call := range waiting {
		c.drawCode(call)
	}
}

func (c *core) showCode(at int) {
	shown := &c.loop.codes
	if at >= len(shown.list) {
		c.stopCodes()
		c.step(link.CodesSpent{})
		return
	}
	life := c.tuning.CodeLife
	if at == 0 && len(shown.list) == fullRound {
		life *= firstCodeFactor
	}
	shown.at, shown.expires = at, time.Now().Add(life)
	expired := codeExpired{shown.round, at}
	c.loop.timers.set(timerCode, life, func() { c.tell(expired) })
	c.announcer.announce("qr", bareCode(shown.list[at]))
}

// bareCode is the code as whatsapp-web.js gives it: without the link that WhatsApp puts
// in front, so that a phone's camera finds the app.
func bareCode(text string) string {
	if _, bare, ok := strings.Cut(text, "#"); ok {
		return bare
	}
	return text
}

func (c *core) stopCodes() {
	c.loop.timers.stop(timerCode)
	c.loop.codes = codes{round: c.loop.codes.round}
}

func (call *pairCall) handle(c *core) {
	const op = "worker.Pair"
	l := &c.loop
	switch {
	case l.link.WAState() == "":
		call.answer <- pairAnswer{err: errStarting(op)}
	case l.link.Paired():
		call.answer <- pairAnswer{err: fault.New(fault.Conflict, op, "this instance is paired already")}
	case l.outage:
		call.answer <- pairAnswer{err: fault.New(fault.Unavailable, op, "the database cannot be reached")}
	case l.link.Ceremony() != link.NoCeremony && (call.phone != "" || call.req.GetCancel() || call.names()):
		call.answer <- pairAnswer{err: &fault.Error{
			Kind: fault.Conflict, Op: op, Code: "passkey_required",
			Msg: "the account is being linked with a passkey; answer it, or cancel the linking",
		}}
	case call.names():
		nameDevice(call.req.GetDeviceName(), call.req.GetBrowser())
		c.step(link.PairAsked{Renew: true}) // the name is part of the registration
		call.answer <- pairAnswer{}
	case call.req.GetCancel():
		if l.codes.phone != "" {
			c.step(link.PairAsked{Renew: true})
		}
		call.answer <- pairAnswer{}
	case call.phone == "":
		c.step(link.PairAsked{})
		call.answer <- pairAnswer{}
	default:
		c.codeAsked(call)
	}
}

// codeAsked gets a code to type on the phone, from the present round of codes or from the
// next one.
func (c *core) codeAsked(call *pairCall) {
	fresh := len(c.loop.codes.list) > 0 && time.Since(c.loop.codes.opened) < codeUseful
	c.step(link.PairAsked{Renew: !fresh})
	if fresh {
		c.drawCode(call)
		return
	}
	c.loop.waiting = append(c.loop.waiting, call)
}

// drawCode asks WhatsApp for a code to type; its answer comes as codeDrawn.
func (c *core) drawCode(call *pairCall) {
	cl := c.current.Load()
	if call.ctx.Err() != nil || cl == nil {
		return
	}
	c.tasks.Go(func(context.Context) {
		notify := call.req.GetShowNotification()
		code, err := cl.WA.PairPhone(call.ctx, call.phone, notify, whatsmeow.PairClientChrome, pairClientName)
		c.tell(codeDrawn{call, code, err})
	})
}

func (m codeDrawn) handle(c *core) {
	if m.err != nil {
		m.call.answer <- pairAnswer{err: pairFault(m.err)}
		return
	}
	if c.loop.link.State() != workerv1.LinkState_LINK_STATE_PAIRING {
		m.call.answer <- pairAnswer{err: fault.New(fault.Unavailable, "worker.Pair", "the connection for pairing ended")}
		return
	}
	shown := &c.loop.codes
	shown.phone, shown.phoneEnd = m.code, shown.end(c.tuning.CodeLife)
	c.announcer.announce("code", strings.ReplaceAll(m.code, "-", ""))
	m.call.answer <- pairAnswer{code: m.code, expires: shown.phoneEnd}
}

func badPhone(err error, msg string) error {
	return &fault.Error{Kind: fault.Invalid, Op: "worker.Pair", Field: "phone_number", Msg: msg, Err: err}
}

func pairFault(err error) error {
	const op = "worker.Pair"
	var iq *whatsmeow.IQError
	switch {
	case errors.Is(err, whatsmeow.ErrPhoneNumberTooShort), errors.Is(err, whatsmeow.ErrPhoneNumberIsNotInternational):
		return badPhone(err, "not an international phone number")
	case errors.As(err, &iq) && iq.Code == 429:
		return fault.Wrap(fault.RateLimited, op, err, "WhatsApp limits pairing codes, try again later")
	case errors.As(err, &iq) && iq.Code < 500:
		return badPhone(err, "WhatsApp does not accept this phone number")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault.Wrap(fault.Deadline, op, err, "WhatsApp did not answer in time")
	}
	return fault.Wrap(fault.Unavailable, op, err, "WhatsApp cannot be reached")
}
