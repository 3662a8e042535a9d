package main

import (
	"fmt"
	"strings"

	"whatsapp-manager/worker/message"
)

// kinds writes what becomes of each field of WhatsApp's message, field by field, as the
// worker decides it.
func kinds() string {
	var rows strings.Builder
	counts := map[message.Role]int{}
	for _, row := range message.Rows() {
		counts[row.Role]++
		fmt.Fprintf(&rows, "| `%s` | %s | %s |\n", row.Field, becomes(row), row.Note)
	}
	return fmt.Sprintf(`
## Message kinds

What becomes of each of the %d fields that a message may have (`+"`waE2E.Message`"+` of the version of whatsmeow in
use). %d are shown, each as a message of a `+"`type`"+`; %d are wrappers, which are opened: what is inside counts, sent or
received, live or from history, quoted or not; %d change another message, or are about it; %d are left out. The types
are WhatsApp Web's names, except where a guess is noted: it has none for these.
[messages.md](../deploy/docs/messages.md) says which fields they have, and `+"`Message.rawData`"+` has all that WhatsApp
sent.

| Field | What becomes of it | Note |
|---|---|---|
%s`, len(message.Rows()), counts[message.Shown], counts[message.Wrapper], counts[message.Change], counts[message.Carrier],
		rows.String())
}

func becomes(row message.Row) string {
	switch row.Role {
	case message.Shown:
		return "shown as `" + row.Type + "`" + guess(row)
	case message.Wrapper:
		return "opened"
	case message.Change:
		return "a change; `" + row.Type + "`" + guess(row) + " where it is quoted"
	}
	return "left out"
}

func guess(row message.Row) string {
	if row.Guess {
		return " (a guess)"
	}
	return ""
}
