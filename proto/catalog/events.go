package catalog

// Event is one kind of event of an instance's feed. Webhooks, event streams and
// WebSockets get the same. Those with a Reason never come, and are listed so
// that nobody waits for them.
type Event struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`        // as whatsapp-web.js passes them; data is the first one
	When      string `json:"when"`             // one sentence
	Own       bool   `json:"own,omitempty"`    // not of whatsapp-web.js
	Reason    string `json:"reason,omitempty"` // why it never comes
}

// Events lists every event of whatsapp-web.js 1.34.7, and our own.
func Events() []Event {
	return []Event{
		{Name: "qr", Arguments: "qr: string", When: "A new QR code is shown."},
		{Name: "code", Arguments: "code: string", When: "A pairing code was made."},
		{Name: "authenticated", Arguments: "none", When: "The session was accepted by WhatsApp."},
		{Name: "auth_failure", Arguments: "message: string", When: "Pairing failed, or WhatsApp refuses the session."},
		{Name: "ready", Arguments: "none", When: "The account can be used; again after each reconnection that had to catch up."},
		{Name: "loading_screen", Arguments: "percent: number, message: string", When: "What was missed, or the history, is being loaded."},
		{Name: "link", Arguments: "link: Link", Own: true, When: "The linking of the account goes on: a code, a passkey, a code to compare, progress, a problem. GET /api/instances/{id}/link answers the same."},
		{Name: "change_state", Arguments: "state: WAState", When: "The state of the connection changed."},
		{Name: "disconnected", Arguments: "reason: WAState | LOGOUT | Max qrcode retries reached", When: "The account was logged out, replaced or banned, or its codes ran out."},
		{Name: "message", Arguments: "message: Message", When: "Somebody else's message arrived."},
		{Name: "message_create", Arguments: "message: Message", When: "There is a new message, own ones included; before message."},
		{Name: "message_ciphertext", Arguments: "message: Message", When: "A message arrived that cannot be read yet."},
		{Name: "message_ciphertext_failed", Arguments: "message: Message", When: "It could not be read 15 s later either."},
		{Name: "message_ack", Arguments: "message: Message, ack: number", When: "A message's ack rose."},
		{Name: "message_edit", Arguments: "message: Message, newBody: string, prevBody: string", When: "A text or caption was changed."},
		{Name: "message_revoke_everyone", Arguments: "message: Message, revoked: Message | undefined", When: "A message was deleted for everyone."},
		{Name: "message_revoke_me", Arguments: "message: Message", When: "A message was deleted on the account's own devices."},
		{Name: "message_reaction", Arguments: "reaction: Reaction", When: "A reaction was given, changed or taken back."},
		{Name: "vote_update", Arguments: "vote: PollVote", When: "Somebody voted in a poll; with unreadable where no known secret opens the vote."},
		{Name: "media_uploaded", Arguments: "message: Message", When: "The file of a message that was sent here is uploaded."},
		{Name: "unread_count", Arguments: "chat: Chat", When: "The number of unread messages changed."},
		{Name: "chat_archived", Arguments: "chat: Chat, currState: boolean, prevState: boolean", When: "A chat was archived, or taken out of the archive."},
		{Name: "chat_removed", Arguments: "chat: Chat", When: "A chat was deleted."},
		{Name: "group_join", Arguments: "notification: GroupNotification", When: "Somebody came into a group."},
		{Name: "group_leave", Arguments: "notification: GroupNotification", When: "Somebody left a group, or was removed."},
		{Name: "group_admin_changed", Arguments: "notification: GroupNotification", When: "Somebody became an admin, or is none any more."},
		{Name: "group_membership_request", Arguments: "notification: GroupNotification", When: "Somebody asks to be let into a group."},
		{Name: "group_update", Arguments: "notification: GroupNotification", When: "Something else about a group changed."},
		{Name: "call", Arguments: "call: Call", When: "A call rings."},
		{Name: "contact_changed", Arguments: "message: Message, oldId: string, newId: string, isContact: boolean", Reason: "linked devices are told of a changed number in forms that are not documented; chats move to the new id by themselves"},
		{Name: "remote_session_saved", Arguments: "none", Reason: "there is no browser profile to save; keys are in the database"},
		{Name: "change_battery", Arguments: "{battery, plugged}", Reason: "phones no longer tell linked devices about their battery"},

		{Name: "contact_username", Arguments: "contact: Contact, oldUsername: string", When: "Somebody's username became known, changed or was given up.", Own: true},
		{Name: "contact_identity", Arguments: "{id, lid, name}", When: "The phone number became known of somebody whom an event had named by a hidden id; once.", Own: true},
		{Name: "event_response", Arguments: "response: EventResponse", When: "Somebody answered an event: going, not_going or maybe.", Own: true},
		{Name: "send_update", Arguments: "{key, method, state, messageId, code, error}", When: "A queued message was sent, failed or was cancelled, or its end is unknown.", Own: true},
		{Name: "sends_paused", Arguments: "{until, reason}", When: "WhatsApp asked for a pause, or quiet hours began; queued messages wait.", Own: true},
		{Name: "number_health", Arguments: "{change, status, reachoutTimeLock, rateOverlimit, temporaryBan, changedAt}", When: "WhatsApp said something new about the number, or what it said ran out.", Own: true},
		{Name: "sends_resumed", Arguments: "{}", When: "The pause is over.", Own: true},
	}
}
