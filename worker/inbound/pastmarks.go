package inbound

import (
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waWeb"

	"whatsapp-manager/worker/shape"
)

// marks adds what people did to a message of the past: a phone tells it with the message.
func (h *historian) marks(m *Message, wm *waWeb.WebMessageInfo) {
	for _, r := range wm.GetReactions() {
		h.reacted(m, r.GetKey(), r.GetText(), r.GetSenderTimestampMS(), r.GetUnread())
	}
	for _, u := range wm.GetPollUpdates() {
		h.voted(m, u.GetPollUpdateMessageKey(), u.GetVote(), u.GetSenderTimestampMS())
	}
	for _, r := range wm.GetEventResponses() {
		h.answered(m, r.GetEventResponseMessageKey(), r.GetEventResponseMessage(), r.GetTimestampMS())
	}
	for _, a := range wm.GetMessageAddOns() {
		h.addOn(m, a)
	}
	h.keptOrPinned(m, wm)
	for _, r := range wm.GetUserReceipt() {
		if by := h.text(r.GetUserJID()); by != "" && m.FromMe {
			m.Receipts = append(m.Receipts, ReceiptOf{
				By: by, DeliveredAt: r.GetReceiptTimestamp(), ReadAt: r.GetReadTimestamp(), PlayedAt: r.GetPlayedTimestamp(),
			})
		}
	}
}

// addOn is one mark in the form that younger phones have for all of them. Sealed ones are
// told opened, as what the protocol calls legacy.
func (h *historian) addOn(m *Message, a *waWeb.MessageAddOn) {
	key := a.GetMessageAddOnKey()
	switch a.GetMessageAddOnType() {
	case waWeb.MessageAddOn_REACTION:
		h.reacted(m, key, a.GetMessageAddOn().GetReactionMessage().GetText(), a.GetSenderTimestampMS(), false)
	case waWeb.MessageAddOn_POLL_UPDATE:
		h.voted(m, key, a.GetLegacyMessage().GetPollVote(), a.GetSenderTimestampMS())
	case waWeb.MessageAddOn_EVENT_RESPONSE:
		h.answered(m, key, a.GetLegacyMessage().GetEventResponseMessage(), a.GetSenderTimestampMS())
	}
}

// doer returns who wrote the message of a mark; empty when nobody says.
func (h *historian) doer(m *Message, key *waCommon.MessageKey) string {
	switch {
	case key.GetFromMe():
		return h.acct.ID()
	case key.GetParticipant() != "":
		return h.text(key.GetParticipant())
	}
	return m.Chat
}

func (h *historian) reacted(m *Message, key *waCommon.MessageKey, text string, atMs int64, unread bool) {
	by := h.doer(m, key)
	if by == "" || text == "" {
		return
	}
	m.Reactions = append(m.Reactions, Reaction{
		Chat: m.Chat, Target: m.ID, ID: shape.CleanMessageID(key.GetID()), FromMe: key.GetFromMe(), Sender: by,
		Text: shape.Clean(text), AtMs: atMs, Unread: unread,
	})
}

func (h *historian) voted(m *Message, key *waCommon.MessageKey, vote *waE2E.PollVoteMessage, atMs int64) {
	by := h.doer(m, key)
	if by == "" || vote == nil {
		return
	}
	m.Votes = append(m.Votes, Vote{
		Chat: m.Chat, Target: m.ID, ID: shape.CleanMessageID(key.GetID()), FromMe: key.GetFromMe(), Voter: by,
		Hashes: vote.GetSelectedOptions(), AtMs: atMs,
	})
}

func (h *historian) answered(m *Message, key *waCommon.MessageKey, r *waE2E.EventResponseMessage, atMs int64) {
	by := h.doer(m, key)
	if by == "" || r == nil {
		return
	}
	if r.GetTimestampMS() > 0 {
		atMs = r.GetTimestampMS()
	}
	m.Answers = append(m.Answers, EventResponse{
		Chat: m.Chat, Target: m.ID, ID: shape.CleanMessageID(key.GetID()), FromMe: key.GetFromMe(), Sender: by,
		Response: answer(r), ExtraGuests: int(r.GetExtraGuestCount()), AtMs: atMs,
	})
}

func (h *historian) keptOrPinned(m *Message, wm *waWeb.WebMessageInfo) {
	if p := wm.GetPinInChat(); p.GetType() == waWeb.PinInChat_PIN_FOR_ALL {
		m.Pin = &Pinned{Chat: m.Chat, Target: m.ID, On: true, AtMs: p.GetSenderTimestampMS()}
		if id := p.GetKey().GetID(); id != "" {
			m.Pin.Target = shape.CleanMessageID(id)
		}
		if seconds := p.GetMessageAddOnContextInfo().GetMessageAddOnDurationInSecs(); seconds > 0 {
			m.Pin.Until = p.GetSenderTimestampMS()/1000 + int64(seconds)
		}
	}
	if k := wm.GetKeepInChat(); k != nil && k.GetKeepType() != waE2E.KeepType_UNKNOWN_KEEP_TYPE {
		m.Keep = &Keep{
			Chat: m.Chat, Target: m.ID, ID: shape.CleanMessageID(k.GetKey().GetID()), FromMe: k.GetKey().GetFromMe(),
			By: h.doer(m, k.GetKey()), On: k.GetKeepType() == waE2E.KeepType_KEEP_FOR_ALL, AtMs: k.GetClientTimestampMS(),
		}
		if m.Keep.AtMs == 0 {
			m.Keep.AtMs = k.GetServerTimestampMS()
		}
	}
}
