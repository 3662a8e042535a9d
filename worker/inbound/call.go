package inbound

import (
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/shape"
)

func (t *translator) callOffer(e *events.CallOffer) Op {
	video := false
	if e.Data != nil {
		_, video = e.Data.GetOptionalChildByTag("video")
	}
	return t.call(e.BasicCallMeta, video, !e.GroupJID.IsEmpty())
}

func (t *translator) callNotice(e *events.CallOfferNotice) Op {
	return t.call(e.BasicCallMeta, e.Media == "video", e.Type == "group" || !e.GroupJID.IsEmpty())
}

func (t *translator) call(meta types.BasicCallMeta, video, group bool) Op {
	creator := meta.CallCreator
	if creator.IsEmpty() {
		creator = meta.From
	}
	from := t.user(creator, meta.CallCreatorAlt)
	return &Call{Call: shape.Call{
		ID: shape.Clean(meta.CallID), From: from, Timestamp: meta.Timestamp.Unix(),
		IsVideo: video, IsGroup: group, FromMe: from == t.acct.ID(), Participants: map[string]any{},
	}}
}
