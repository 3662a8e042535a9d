package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

var (
	kindLabelID  = kind{"number|string", readLabelID}
	kindLabelIDs = kind{"(number|string)[]", listOf(readLabelID)}
	kindChatIDs  = kind{"jid[]", listOf(readChatID)}
	kindUserID   = kind{"jid", readUserID}
	kindNote     = kind{"string", readNote}
)

// maxListed bounds a list among the parameters.
const maxListed = 1000

// listOf reads an array whose elements read reads.
func listOf(read func(json.RawMessage, string) (any, error)) func(json.RawMessage, string) (any, error) {
	return func(raw json.RawMessage, path string) (any, error) {
		var parts []json.RawMessage
		if err := json.Unmarshal(raw, &parts); err != nil || parts == nil {
			return nil, bad(path, "expected an array, got %s", value.Kind(raw))
		}
		if len(parts) > maxListed {
			return nil, bad(path, "expected at most %d elements", maxListed)
		}
		all := make([]any, len(parts))
		for i, part := range parts {
			v, err := read(part, fmt.Sprintf("%s[%d]", path, i))
			if err != nil {
				return nil, err
			}
			all[i] = v
		}
		return all, nil
	}
}

// argList returns the elements of a parameter that listOf has read.
func argList[T any](c *call, i int) []T {
	all := arg[[]any](c, i)
	typed := make([]T, len(all))
	for n, v := range all {
		typed[n], _ = v.(T)
	}
	return typed
}

func readLabelID(raw json.RawMessage, path string) (any, error) {
	if n, err := value.Number(raw, path); err == nil {
		if n < 0 || n != float64(int64(n)) {
			return nil, bad(path, "expected the id of a label, like 3")
		}
		return strconv.FormatInt(int64(n), 10), nil
	}
	text, err := value.String(raw, path)
	if err != nil || text == "" || len(text) > 64 {
		return nil, bad(path, "expected the id of a label, like \"3\"")
	}
	return text, nil
}

func readNote(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	if err == nil && len(text) > 16<<10 {
		err = bad(path, "is longer than 16 KiB")
	}
	return text, err
}

var (
	labelsParams = []param{
		{name: "labelIds", kind: kindLabelIDs, doc: "the labels the chats shall have; others are taken off"},
		{name: "chatIds", kind: kindChatIDs},
	}
	changeParams = []param{{name: "chatId", kind: kindChatID}, {name: "labelIds", kind: kindLabelIDs, doc: "the labels the chat shall have; others are taken off"}}
	labelOnly    = []param{{name: "labelId", kind: kindLabelID}}
	noteParams   = []param{{name: "userId", kind: kindUserID}, {name: "note", kind: kindNote}}
	userOnly     = []param{{name: "userId", kind: kindUserID}}
)

// labelRows are about labels and customer notes, which the apps for businesses show.
var labelRows = []row{
	{name: "getLabels", class: "Client", result: "Label[]", need: needData, getter: true, doc: "Lists the account's labels.",
		do: func(ctx context.Context, c *call) (any, error) { return list(c.Mirror.Labels(ctx, "")) }},
	{name: "getLabelById", class: "Client", result: "Label", need: needData, params: labelOnly, example: `["3"]`, doc: "Returns one label.",
		do: func(ctx context.Context, c *call) (any, error) { return c.label(ctx, arg[string](c, 0)) }},
	{name: "getChatLabels", class: "Client", result: "Label[]", need: needData, params: chatOnly, example: chatExample, doc: "Lists the labels of a chat.", do: labelsOfChat},
	{name: "getChatsByLabelId", class: "Client", result: "Chat[]", need: needData, params: labelOnly, example: `["3"]`, doc: "Lists the chats with a label.", do: chatsOfLabel},
	{name: "addOrRemoveLabels", class: "Client", result: "void", need: needOnline, params: labelsParams, example: `[["3"],["4915123456789@c.us"]]`,
		doc: "Gives chats exactly these labels.",
		do: func(ctx context.Context, c *call) (any, error) {
			return nil, c.setLabels(ctx, argList[string](c, 0), argList[types.JID](c, 1))
		}},
	{name: "Chat.getLabels", class: "Chat", result: "Label[]", need: needData, params: chatOnly, example: chatExample, doc: "Lists the labels of this chat.", do: labelsOfChat},
	{name: "Chat.changeLabels", class: "Chat", result: "void", need: needOnline, params: changeParams, example: `["4915123456789@c.us",["3"]]`,
		doc: "Gives this chat exactly these labels.",
		do: func(ctx context.Context, c *call) (any, error) {
			return nil, c.setLabels(ctx, argList[string](c, 1), []types.JID{arg[types.JID](c, 0)})
		}},
	{name: "Label.getChats", class: "Label", result: "Chat[]", need: needData, params: labelOnly, example: `["3"]`, doc: "Lists the chats with this label.", do: chatsOfLabel},
	{name: "addOrEditCustomerNote", class: "Client", result: "void", need: needOnline, params: noteParams, example: `["4915123456789@c.us","Pays late"]`,
		doc: "Notes something about a customer, in place of what was noted before.", do: putNote},
	{name: "getCustomerNote", class: "Client", result: "CustomerNote|null", need: needData, params: userOnly, example: chatExample,
		doc: "Returns what is noted about a customer.", do: getNote},
	{name: "Chat.addOrEditCustomerNote", class: "Chat", result: "void", need: needOnline, params: noteParams, example: `["4915123456789@c.us","Pays late"]`,
		doc: "Notes something about the customer of this chat, in place of what was noted before.", do: putNote},
	{name: "Chat.getCustomerNote", class: "Chat", result: "CustomerNote|null", need: needData, params: userOnly, example: chatExample,
		doc: "Returns what is noted about the customer of this chat.", do: getNote},
}

func labelsOfChat(ctx context.Context, c *call) (any, error) {
	return list(c.Mirror.Labels(ctx, shape.ID(arg[types.JID](c, 0))))
}

func (c *call) label(ctx context.Context, id string) (shape.Label, error) {
	labels, err := c.Mirror.Labels(ctx, "")
	if err != nil {
		return shape.Label{}, err
	}
	if i := slices.IndexFunc(labels, func(l shape.Label) bool { return l.ID == id }); i >= 0 {
		return labels[i], nil
	}
	return shape.Label{}, fault.New(fault.NotFound, op, "there is no label with this id")
}

func chatsOfLabel(ctx context.Context, c *call) (any, error) {
	id := arg[string](c, 0)
	if _, err := c.label(ctx, id); err != nil {
		return nil, err
	}
	ids, err := c.Mirror.LabelledChats(ctx, id)
	if err != nil {
		return nil, err
	}
	chats := []shape.Chat{}
	for _, id := range ids {
		chat, err := c.Mirror.Chat(ctx, id)
		if errors.Is(err, mirror.ErrNotFound) {
			continue // labelled on the phone, and not in our mirror
		}
		if err != nil {
			return nil, err
		}
		chats = append(chats, chat)
	}
	return chats, nil
}

// setLabels gives chats exactly these labels, in one patch.
func (c *call) setLabels(ctx context.Context, ids []string, chats []types.JID) error {
	for _, id := range ids {
		if _, err := c.label(ctx, id); err != nil {
			return err
		}
	}
	patch := appstate.PatchInfo{Type: appstate.WAPatchRegular}
	var means []any
	set := func(chat types.JID, id string, on bool) {
		patch.Mutations = append(patch.Mutations, appstate.BuildLabelChat(chat, id, on).Mutations...)
		means = append(means, &events.LabelAssociationChat{JID: chat, Timestamp: time.Now(), LabelID: id, Action: &waSyncAction.LabelAssociationAction{Labeled: &on}})
	}
	for _, chat := range chats {
		if _, _, _, err := c.chatNow(ctx, chat); err != nil {
			return err
		}
		have, err := c.Mirror.Labels(ctx, shape.ID(chat))
		if err != nil {
			return err
		}
		has := func(id string) bool { return slices.ContainsFunc(have, func(l shape.Label) bool { return l.ID == id }) }
		for _, id := range ids {
			if !has(id) {
				set(chat, id, true)
			}
		}
		for _, l := range have {
			if !slices.Contains(ids, l.ID) {
				set(chat, l.ID, false)
			}
		}
	}
	if len(patch.Mutations) == 0 {
		return nil
	}
	return c.change(ctx, patch, means...)
}

func getNote(ctx context.Context, c *call) (any, error) {
	note, err := c.Mirror.Note(ctx, shape.ID(arg[types.JID](c, 0)))
	if errors.Is(err, mirror.ErrNotFound) {
		return nil, nil
	}
	return note, err
}

// putNote edits the note of a customer or begins one. Index and version are
// those of published clients.
func putNote(ctx context.Context, c *call) (any, error) {
	customer, now := arg[types.JID](c, 0), time.Now()
	id, created := c.cli.GenerateMessageID(), now
	before, err := c.Mirror.Note(ctx, shape.ID(customer))
	switch {
	case errors.Is(err, mirror.ErrNotFound):
	case err != nil:
		return nil, err
	default:
		id, created = before.ID, time.Unix(before.CreatedAt, 0)
	}
	action := &waSyncAction.SyncActionValue{
		Timestamp: proto.Int64(now.UnixMilli()),
		NoteEditAction: &waSyncAction.NoteEditAction{
			Type: waSyncAction.NoteEditAction_UNSTRUCTURED.Enum(), ChatJID: proto.String(customer.String()),
			CreatedAt: proto.Int64(created.UnixMilli()), Deleted: proto.Bool(false), UnstructuredContent: proto.String(arg[string](c, 1)),
		},
	}
	index := []string{appstate.IndexNoteEdit, id}
	return nil, c.change(ctx, appstate.PatchInfo{Type: appstate.WAPatchRegularLow, Mutations: []appstate.MutationInfo{{Index: index, Version: 7, Value: action}}},
		&events.AppState{Index: index, SyncActionValue: action})
}
