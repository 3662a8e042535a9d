package message

import (
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
)

// PartQuoted names the copy of the message that a message quotes; PartCard and a number, the
// card of a carousel, counted from 0.
const (
	PartQuoted = "quoted"
	PartCard   = "card:"
)

// IsPart tells whether a text has the form of a part's name.
func IsPart(name string) bool {
	_, card := cardNumber(name)
	return card || name == PartQuoted
}

// Part returns a part of a message as a message of its own; nil when it has no such part.
func Part(m *waE2E.Message, name string) *waE2E.Message {
	c := Read(m)
	if name == PartQuoted {
		return c.Context.GetQuotedMessage()
	}
	i := c.Message.GetInteractiveMessage()
	if i == nil {
		i = c.Message.GetTemplateMessage().GetInteractiveMessageTemplate()
	}
	cards := i.GetCarouselMessage().GetCards()
	if n, ok := cardNumber(name); ok && n < len(cards) {
		return &waE2E.Message{InteractiveMessage: cards[n]}
	}
	return nil
}

func cardNumber(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, PartCard)
	n, err := strconv.ParseUint(digits, 10, 16)
	return int(n), ok && err == nil && strconv.FormatUint(n, 10) == digits
}
