package inbound

import (
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/shape"
)

// Label is the present state of a label. A Deleted one is removed from all chats.
type Label struct {
	ID, Name string
	Color    int32
	Deleted  bool
}

// LabelledChat adds a label to a chat or removes it.
type LabelledChat struct {
	LabelID, Chat string
	On            bool
}

// Note is a note about a customer. A Deleted one has its id only.
type Note struct {
	shape.CustomerNote
	Deleted bool
}

// Concerns returns nothing: a label may be on many chats.
func (*Label) Concerns() (chat, id string) { return "", "" }

// Concerns returns nothing.
func (*LabelledChat) Concerns() (chat, id string) { return "", "" }

// Concerns returns nothing.
func (*Note) Concerns() (chat, id string) { return "", "" }

func (*Label) op()        {}
func (*LabelledChat) op() {}
func (*Note) op()         {}

func (t *translator) label(e *events.LabelEdit) Op {
	if e.LabelID == "" {
		return nil
	}
	return &Label{
		ID: shape.Clean(e.LabelID), Name: shape.Clean(e.Action.GetName()),
		Color: e.Action.GetColor(), Deleted: e.Action.GetDeleted(),
	}
}

func (t *translator) labelled(e *events.LabelAssociationChat) Op {
	if e.LabelID == "" || e.JID.User == "" {
		return nil
	}
	return &LabelledChat{LabelID: shape.Clean(e.LabelID), Chat: t.user(e.JID, types.EmptyJID), On: e.Action.GetLabeled()}
}

// appState is for settings for which whatsmeow has no event of its own.
func (t *translator) appState(e *events.AppState) Op {
	if a := e.GetLidContactAction(); a != nil && len(e.Index) > 1 && e.Index[0] == appstate.IndexLIDContact {
		t.hiddenContact(e.Index[1], a)
		return nil
	}
	note := e.GetNoteEditAction()
	if len(e.Index) < 2 || e.Index[0] != appstate.IndexNoteEdit || note == nil {
		return nil
	}
	op := &Note{CustomerNote: shape.CustomerNote{
		ID: shape.Clean(e.Index[1]), Content: shape.Clean(note.GetUnstructuredContent()), Type: "unstructured",
		CreatedAt: note.GetCreatedAt() / 1000, ModifiedAt: e.GetTimestamp() / 1000,
	}, Deleted: note.GetDeleted()}
	if note.GetType() == waSyncAction.NoteEditAction_STRUCTURED {
		op.Type = "structured"
	}
	chat, err := types.ParseJID(note.GetChatJID())
	if err != nil || chat.User == "" {
		if op.Deleted {
			return op
		}
		return nil
	}
	op.ChatID = t.user(chat, types.EmptyJID)
	return op
}
