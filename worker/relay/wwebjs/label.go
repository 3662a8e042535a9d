package wwebjs

import (
	"context"
	"encoding/json"
	"errors"
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
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

var (
	kindLabelID  = param.Kind{Label: "number|string", Read: readLabelID}
	kindLabelIDs = param.ListOf(kindLabelID)
	kindNote     = param.AtMost(16 << 10)
)

func readLabelID(raw json.RawMessage, path string) (any, error) {
	if n, err := value.Number(raw, path); err == nil {
		if n < 0 || n != float64(int64(n)) {
			return nil, param.Bad(path, "expected the id of a label, like 3")
		}
		return strconv.FormatInt(int64(n), 10), nil
	}
	text, err := value.String(raw, path)
	if err != nil || text == "" || len(text) > 64 {
		return nil, param.Bad(path, "expected the id of a label, like \"3\"")
	}
	return text, nil
}

var (
	labelsParams = []param.Param{
		{Name: "labelIds", Kind: kindLabelIDs, Doc: "the labels the chats shall have; others are taken off"},
		{Name: "chatIds", Kind: param.ListOf(param.ChatID)},
	}
	changeParams = []param.Param{
		{Name: "chatId", Kind: param.ChatID},
		{Name: "labelIds", Kind: kindLabelIDs, Doc: "the labels the chat shall have; others are taken off"},
	}
	labelOnly  = []param.Param{{Name: "labelId", Kind: kindLabelID}}
	noteParams = []param.Param{{Name: "userId", Kind: param.UserID}, {Name: "note", Kind: kindNote}}
	userOnly   = []param.Param{{Name: "userId", Kind: param.UserID}}
)

// labelRows are about labels and customer notes, which the apps for businesses show.
var labelRows = slices.Concat(
	[]relay.Row{
		{
			Name: "getLabels", Result: "Label[]", Need: relay.NeedData, Getter: true,
			Doc: "Lists the account's labels.",
			Do:  func(ctx context.Context, c *relay.Call) (any, error) { return relay.List(c.Mirror.Labels(ctx, "")) },
		},
		{
			Name: "getLabelById", Result: "Label", Need: relay.NeedData,
			Params: labelOnly, Example: `["3"]`,
			Doc: "Returns one label.",
			Do:  func(ctx context.Context, c *relay.Call) (any, error) { return label(ctx, c, relay.Arg[string](c, 0)) },
		},
		{
			Name: "addOrRemoveLabels", Result: "void", Need: relay.NeedOnline,
			Params: labelsParams, Example: `[["3"],["4915123456789@c.us"]]`,
			Doc: "Gives chats exactly these labels.",
			Do: func(ctx context.Context, c *relay.Call) (any, error) {
				return nil, setLabels(ctx, c, relay.ArgList[string](c, 0), relay.ArgList[types.JID](c, 1))
			},
		},
	},
	relay.Twins("getChatLabels", "Chat.getLabels", relay.Row{
		Result: "Label[]", Need: relay.NeedData,
		Params: chatOnly, Example: chatExample,
		Doc: "Lists the labels of {a chat|this chat}.",
		Do:  labelsOfChat,
	}),
	[]relay.Row{
		{
			Name: "Chat.changeLabels", Result: "void", Need: relay.NeedOnline,
			Params: changeParams, Example: `["4915123456789@c.us",["3"]]`,
			Doc: "Gives this chat exactly these labels.",
			Do: func(ctx context.Context, c *relay.Call) (any, error) {
				return nil, setLabels(ctx, c, relay.ArgList[string](c, 1), []types.JID{relay.Arg[types.JID](c, 0)})
			},
		},
	},
	relay.Twins("getChatsByLabelId", "Label.getChats", relay.Row{
		Result: "Chat[]", Need: relay.NeedData,
		Params: labelOnly, Example: `["3"]`,
		Doc: "Lists the chats with {a label|this label}.",
		Do:  chatsOfLabel,
	}),
	relay.Twins("addOrEditCustomerNote", "Chat.addOrEditCustomerNote", relay.Row{
		Result: "void", Need: relay.NeedOnline,
		Params: noteParams, Example: `["4915123456789@c.us","Pays late"]`,
		Doc: "Notes something about {a customer|the customer of this chat}, in place of what was noted before.",
		Do:  putNote,
	}),
	relay.Twins("getCustomerNote", "Chat.getCustomerNote", relay.Row{
		Result: "CustomerNote|null", Need: relay.NeedData,
		Params: userOnly, Example: chatExample,
		Doc: "Returns what is noted about {a customer|the customer of this chat}.",
		Do:  getNote,
	}),
)

func labelsOfChat(ctx context.Context, c *relay.Call) (any, error) {
	return relay.List(c.Mirror.Labels(ctx, shape.ID(relay.Arg[types.JID](c, 0))))
}

func label(ctx context.Context, c *relay.Call, id string) (shape.Label, error) {
	labels, err := c.Mirror.Labels(ctx, "")
	if err != nil {
		return shape.Label{}, err
	}
	if i := slices.IndexFunc(labels, func(l shape.Label) bool { return l.ID == id }); i >= 0 {
		return labels[i], nil
	}
	return shape.Label{}, fault.New(fault.NotFound, relay.Op, "there is no label with this id")
}

func chatsOfLabel(ctx context.Context, c *relay.Call) (any, error) {
	id := relay.Arg[string](c, 0)
	if _, err := label(ctx, c, id); err != nil {
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
func setLabels(ctx context.Context, c *relay.Call, ids []string, chats []types.JID) error {
	for _, id := range ids {
		if _, err := label(ctx, c, id); err != nil {
			return err
		}
	}
	patch := appstate.PatchInfo{Type: appstate.WAPatchRegular}
	var means []any
	set := func(chat types.JID, id string, on bool) {
		patch.Mutations = append(patch.Mutations, appstate.BuildLabelChat(chat, id, on).Mutations...)
		means = append(means, &events.LabelAssociationChat{
			JID: chat, Timestamp: time.Now(), LabelID: id, Action: &waSyncAction.LabelAssociationAction{Labeled: &on},
		})
	}
	for _, chat := range chats {
		if _, _, _, err := chatNow(ctx, c, chat); err != nil {
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
	return c.Change(ctx, patch, means...)
}

func getNote(ctx context.Context, c *relay.Call) (any, error) {
	note, err := c.Mirror.Note(ctx, shape.ID(relay.Arg[types.JID](c, 0)))
	if errors.Is(err, mirror.ErrNotFound) {
		return nil, nil
	}
	return note, err
}

// putNote edits the note about a customer, or begins one. The index and the version
// are those of published clients.
func putNote(ctx context.Context, c *relay.Call) (any, error) {
	customer, now := relay.Arg[types.JID](c, 0), time.Now()
	id, created := c.Client.GenerateMessageID(), now
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
			CreatedAt: proto.Int64(created.UnixMilli()), Deleted: proto.Bool(false),
			UnstructuredContent: proto.String(relay.Arg[string](c, 1)),
		},
	}
	index := []string{appstate.IndexNoteEdit, id}
	return nil, c.Change(ctx, appstate.PatchInfo{
		Type:      appstate.WAPatchRegularLow,
		Mutations: []appstate.MutationInfo{{Index: index, Version: 7, Value: action}},
	},
		&events.AppState{Index: index, SyncActionValue: action})
}
