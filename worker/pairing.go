package worker

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"google.golang.org/protobuf/types/known/timestamppb"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

const (
	firstCodeFactor = 3 // the first code of a round lives this many times longer
	fullRound       = 6 // codes; a shorter list has no long first one
	pairClientName  = "Chrome (Linux)"
	codeUseful      = 60 * time.Second // a round older than this is renewed for a pairing code
)

// codes are what can be scanned or typed now. They belong to the main loop.
type codes struct {
	list     []string
	at       int
	expires  time.Time
	opened   time.Time // of this round
	timer    *time.Timer
	round    int
	phone    string // the code to type on the phone
	phoneEnd time.Time
}

// codeTimer says that a shown code has expired.
type codeTimer struct{ round, at int }

// pairCall is one call of Pair on its way through the main loop.
type pairCall struct {
	ctx    context.Context
	phone  string
	notify bool
	cancel bool
	device string
	shown  string          // browser
	answer chan pairAnswer // capacity 1
}

type pairAnswer struct {
	code    string
	expires time.Time
	err     error
}

// codeDrawn is what WhatsApp answered to the wish for a pairing code.
type codeDrawn struct {
	call *pairCall
	code string
	err  error
}

func (p *codes) fill(link *workerv1.Link) {
	if p.at < len(p.list) {
		link.Qr, link.QrExpiresAt = p.list[p.at], timestamppb.New(p.expires)
	}
	if p.phone != "" {
		link.PairingCode, link.PairingCodeExpiresAt = p.phone, timestamppb.New(p.phoneEnd)
	}
}

// end is when the last code of the round expires and its connection with it.
func (p *codes) end(life time.Duration) time.Time {
	n := len(p.list)
	if n == fullRound {
		n += firstCodeFactor - 1
	}
	return p.opened.Add(time.Duration(n) * life)
}

func (c *core) showCodes(list []string) {
	c.stopCodes()
	c.codes = codes{list: list, round: c.codes.round + 1, opened: time.Now()}
	c.showCode(0)
	waiting := c.waiting
	c.waiting = nil
	for _, call := range waiting {
		c.drawCode(call)
	}
}

func (c *core) showCode(at int) {
	if at >= len(c.codes.list) {
		c.stopCodes()
		c.step(codesSpent{})
		return
	}
	life := c.tuning.CodeLife
	if at == 0 && len(c.codes.list) == fullRound {
		life *= firstCodeFactor
	}
	c.codes.at, c.codes.expires = at, time.Now().Add(life)
	expired := codeTimer{c.codes.round, at}
	c.codes.timer = time.AfterFunc(life, func() { c.tell(expired) })
	c.announce("qr", bareCode(c.codes.list[at]))
}

// bareCode is the code as whatsapp-web.js gives it: without the link that
// WhatsApp puts in front, so that a phone's camera finds the app.
func bareCode(text string) string {
	if _, bare, ok := strings.Cut(text, "#"); ok {
		return bare
	}
	return text
}

func (c *core) stopCodes() {
	if c.codes.timer != nil {
		c.codes.timer.Stop()
	}
	c.codes = codes{round: c.codes.round}
}

func (c *core) pairing(msg any) {
	switch m := msg.(type) {
	case codeTimer:
		if m.round == c.codes.round && m.at == c.codes.at && len(c.codes.list) > 0 {
			c.showCode(m.at + 1)
		}
	case *pairCall:
		c.pairCalled(m)
	case codeDrawn:
		c.codeDrawn(m)
	}
}

func (c *core) pairCalled(call *pairCall) {
	if c.link.wa == "" {
		call.answer <- pairAnswer{err: &fault.Error{Kind: fault.Starting, Op: "worker.Pair", Msg: "the worker is still starting", RetryAfter: time.Second}}
		return
	}
	if c.link.paired {
		call.answer <- pairAnswer{err: fault.New(fault.Conflict, "worker.Pair", "this instance is paired already")}
		return
	}
	if c.outage {
		call.answer <- pairAnswer{err: fault.New(fault.Unavailable, "worker.Pair", "the database cannot be reached")}
		return
	}
	if call.device != "" || call.shown != "" {
		nameDevice(call.device, call.shown)
		c.step(pairAsked{renew: true}) // the name is part of the registration
		call.answer <- pairAnswer{}
		return
	}
	if call.cancel {
		if c.codes.phone != "" {
			c.step(pairAsked{renew: true})
		}
		call.answer <- pairAnswer{}
		return
	}
	fresh := len(c.codes.list) > 0 && time.Since(c.codes.opened) < codeUseful
	c.step(pairAsked{renew: call.phone != "" && !fresh})
	switch {
	case call.phone == "":
		call.answer <- pairAnswer{}
	case fresh:
		c.drawCode(call)
	default:
		c.waiting = append(c.waiting, call)
	}
}

// drawCode asks WhatsApp for a code to type; its answer comes as codeDrawn.
func (c *core) drawCode(call *pairCall) {
	s := c.current.Load()
	if call.ctx.Err() != nil || s == nil {
		return
	}
	c.background(func() {
		code, err := s.cli.PairPhone(call.ctx, call.phone, call.notify, whatsmeow.PairClientChrome, pairClientName)
		c.tell(codeDrawn{call, code, err})
	})
}

func (c *core) codeDrawn(m codeDrawn) {
	if m.err != nil {
		m.call.answer <- pairAnswer{err: pairFault(m.err)}
		return
	}
	if c.link.state != workerv1.LinkState_LINK_STATE_PAIRING {
		m.call.answer <- pairAnswer{err: fault.New(fault.Unavailable, "worker.Pair", "the connection for pairing ended")}
		return
	}
	c.codes.phone, c.codes.phoneEnd = m.code, c.codes.end(c.tuning.CodeLife)
	c.announce("code", strings.ReplaceAll(m.code, "-", ""))
	m.call.answer <- pairAnswer{code: m.code, expires: c.codes.phoneEnd}
}

func pairFault(err error) error {
	const op = "worker.Pair"
	var iq *whatsmeow.IQError
	switch {
	case errors.Is(err, whatsmeow.ErrPhoneNumberTooShort), errors.Is(err, whatsmeow.ErrPhoneNumberIsNotInternational):
		return &fault.Error{Kind: fault.Invalid, Op: op, Field: "phone_number", Msg: "not an international phone number", Err: err}
	case errors.As(err, &iq) && iq.Code == 429:
		return fault.Wrap(fault.RateLimited, op, err, "WhatsApp limits pairing codes, try again later")
	case errors.As(err, &iq) && iq.Code < 500:
		return &fault.Error{Kind: fault.Invalid, Op: op, Field: "phone_number", Msg: "WhatsApp does not accept this phone number", Err: err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault.Wrap(fault.Deadline, op, err, "WhatsApp did not answer in time")
	}
	return fault.Wrap(fault.Unavailable, op, err, "WhatsApp cannot be reached")
}

// phoneDigits returns the digits of an international phone number.
func phoneDigits(text string) (string, error) {
	var digits strings.Builder
	for i, r := range strings.TrimSpace(text) {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case r == '+' && i == 0, r == ' ', r == '-', r == '(', r == ')':
		default:
			return "", fault.Bad("worker.Pair", "phone_number", "expected digits, got %q", r)
		}
	}
	d := digits.String()
	if len(d) < 7 || len(d) > 15 || d[0] == '0' {
		return "", fault.Bad("worker.Pair", "phone_number", "expected 7 to 15 digits with the country code, without leading zeros")
	}
	return d, nil
}
