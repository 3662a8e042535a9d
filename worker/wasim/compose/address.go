package compose

import (
	"fmt"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim"
)

// address reads whom the message is for, and finds the devices that get it.
func (l *letter) address(text string) error {
	to, err := ParseJID("to", text)
	if err != nil {
		return err
	}
	l.to = to
	var concerned []*wasim.Account
	switch to.Server {
	case types.GroupServer:
		state, known := l.server.Group(to)
		if !known {
			return fmt.Errorf("to: %q: %w", text, wasim.ErrNoGroup)
		}
		if state.Addressing == formPN {
			l.groupMode = formPN
		}
		concerned = l.server.GroupMembers(to)
	case types.NewsletterServer:
		state, known := l.server.Channel(to)
		if !known {
			return fmt.Errorf("to: %q: %w", text, wasim.ErrNoChannel)
		}
		for number := range state.Roles {
			concerned = append(concerned, l.server.Account(number))
		}
	case types.BroadcastServer:
		concerned = l.server.Accounts()
		if to != types.StatusBroadcastJID && l.envelope.Receivers == nil {
			return wrong("envelope.receivers", "a broadcast list is its owner's secret: name who gets it")
		}
	default:
		if concerned, err = l.addressUser(text); err != nil {
			return err
		}
	}
	if l.envelope.Receivers != nil {
		concerned = nil
		for i, number := range l.envelope.Receivers {
			account, _, err := findAccount(l.server, fmt.Sprintf("envelope.receivers[%d]", i), number)
			if err != nil {
				return err
			}
			concerned = append(concerned, account)
		}
	}
	for _, account := range concerned {
		for _, device := range account.Devices() {
			if to.Device == 0 || l.own || device.Number() == to.Device {
				l.receivers = append(l.receivers, device)
			}
		}
	}
	if len(l.receivers) == 0 {
		return wrong("to", "no device that could get it is linked; scan a code first")
	}
	return nil
}

// addressUser is address for a message between two.
func (l *letter) addressUser(text string) ([]*wasim.Account, error) {
	l.recipient = l.server.AccountOf(l.to)
	if l.own = l.envelope.FromMe || l.recipient == l.sender; l.own {
		return []*wasim.Account{l.sender}, nil
	}
	if l.recipient == nil {
		return nil, fmt.Errorf("to: %q: %w", text, wasim.ErrNoAccount)
	}
	return []*wasim.Account{l.recipient}, nil
}
