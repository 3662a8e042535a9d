package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

const groupExample = `["120363000000000000@g.us"]`

var (
	kindGroupID = kind{"jid", readGroupID} // types.JID
	kindPeople  = kind{"jid|jid[]", readPeople}
	groupOnly   = []param{{name: "groupId", kind: kindGroupID}}
	groupFirst  = param{name: "groupId", kind: kindGroupID}
)

func readGroupID(raw json.RawMessage, path string) (any, error) {
	jid, err := value.JID(raw, path)
	if err != nil {
		return nil, err
	}
	if jid.Server != types.GroupServer {
		return nil, bad(path, "expected the id of a group, like 120363000000000000@g.us")
	}
	return jid, nil
}

// groupChatRows are the methods of whatsapp-web.js' GroupChat; the group's id
// comes first.
var groupChatRows = []row{
	{name: "GroupChat.owner", class: "GroupChat", result: "ContactId|undefined", need: needData, params: groupOnly, example: groupExample,
		doc: "Returns who made this group; null when that is not known.",
		do:  ofGroup(func(m *shape.GroupMetadata) any { return orNull(m.Owner) })},
	{name: "GroupChat.createdAt", class: "GroupChat", result: "Date", need: needData, params: groupOnly, example: groupExample,
		doc: "Returns when this group was made, as an ISO text.",
		do:  ofGroup(func(m *shape.GroupMetadata) any { return isoTime(m.Creation) })},
	{name: "GroupChat.description", class: "GroupChat", result: "string|undefined", need: needData, params: groupOnly, example: groupExample,
		doc: "Returns this group's description; null when it has none.",
		do: ofGroup(func(m *shape.GroupMetadata) any {
			if m.Desc == "" {
				return nil
			}
			return m.Desc
		})},
	{name: "GroupChat.participants", class: "GroupChat", result: "GroupParticipant[]", need: needData, params: groupOnly, example: groupExample,
		doc: "Lists who is in this group.",
		do:  ofGroup(func(m *shape.GroupMetadata) any { return m.Participants })},
	{name: "GroupChat.removeParticipants", class: "GroupChat", result: "StatusResult", need: needOnline, params: participantParams, example: participantExample,
		doc: "Removes people from this group.", do: changeMembers(whatsmeow.ParticipantChangeRemove)},
	{name: "GroupChat.promoteParticipants", class: "GroupChat", result: "StatusResult", need: needOnline, params: participantParams, example: participantExample,
		doc: "Makes people admins of this group.", do: changeMembers(whatsmeow.ParticipantChangePromote)},
	{name: "GroupChat.demoteParticipants", class: "GroupChat", result: "StatusResult", need: needOnline, params: participantParams, example: participantExample,
		doc: "Makes admins of this group members again.", do: changeMembers(whatsmeow.ParticipantChangeDemote)},
	{name: "GroupChat.setSubject", class: "GroupChat", result: "boolean", need: needOnline, params: []param{groupFirst, {name: "subject", kind: kindText}},
		example: `["120363000000000000@g.us","Holiday"]`, doc: "Renames this group; false when WhatsApp refuses.",
		do: func(ctx context.Context, c *call) (any, error) {
			return accepted(c.cli.SetGroupName(ctx, arg[types.JID](c, 0), arg[string](c, 1)))
		}},
	{name: "GroupChat.setDescription", class: "GroupChat", result: "boolean", need: needOnline, params: []param{groupFirst, {name: "description", kind: kindDescription}},
		example: `["120363000000000000@g.us","Where to go in June"]`, doc: "Describes this group, or with an empty text takes the description away; false when WhatsApp refuses.",
		do: func(ctx context.Context, c *call) (any, error) {
			return accepted(c.cli.SetGroupTopic(ctx, arg[types.JID](c, 0), "", "", arg[string](c, 1)))
		}},
	{name: "GroupChat.setAddMembersAdminsOnly", class: "GroupChat", result: "boolean", need: needOnline, params: switchParams, example: groupExample,
		doc: "Lets only admins add people to this group, or everybody; false when WhatsApp refuses.",
		do: groupSwitch(func(ctx context.Context, c *call, jid types.JID, on bool) error {
			mode := types.GroupMemberAddModeAllMember
			if on {
				mode = types.GroupMemberAddModeAdmin
			}
			return c.cli.SetGroupMemberAddMode(ctx, jid, mode)
		})},
	{name: "GroupChat.setMessagesAdminsOnly", class: "GroupChat", result: "boolean", need: needOnline, params: switchParams, example: groupExample,
		doc: "Lets only admins write to this group, or everybody; false when WhatsApp refuses.",
		do: groupSwitch(func(ctx context.Context, c *call, jid types.JID, on bool) error {
			return c.cli.SetGroupAnnounce(ctx, jid, on)
		})},
	{name: "GroupChat.setInfoAdminsOnly", class: "GroupChat", result: "boolean", need: needOnline, params: switchParams, example: groupExample,
		doc: "Lets only admins change what this group says of itself, or everybody; false when WhatsApp refuses.",
		do: groupSwitch(func(ctx context.Context, c *call, jid types.JID, on bool) error {
			return c.cli.SetGroupLocked(ctx, jid, on)
		})},
	{name: "GroupChat.setPicture", class: "GroupChat", result: "boolean", need: needOnline, params: []param{groupFirst, {name: "media", kind: kindPicture, doc: "an image; cropped to a square of 640 pixels"}},
		example: `["120363000000000000@g.us",` + pictureExample[1:], doc: "Sets this group's picture; false when WhatsApp refuses it.",
		do: func(ctx context.Context, c *call) (any, error) {
			return c.changePicture(ctx, arg[types.JID](c, 0), arg[*messageMedia](c, 1))
		}},
	{name: "GroupChat.deletePicture", class: "GroupChat", result: "boolean", need: needOnline, params: groupOnly, example: groupExample,
		doc: "Removes this group's picture; false when WhatsApp refuses.",
		do: func(ctx context.Context, c *call) (any, error) {
			return c.setPicture(ctx, arg[types.JID](c, 0), nil)
		}},
	{name: "GroupChat.leave", class: "GroupChat", result: "void", need: needOnline, params: groupOnly, example: groupExample,
		doc: "Leaves this group; its chat stays, and can only be read.",
		do: func(ctx context.Context, c *call) (any, error) {
			return nil, c.cli.LeaveGroup(ctx, arg[types.JID](c, 0))
		}},
}

var (
	participantParams  = []param{groupFirst, {name: "participantIds", kind: kindPeople}}
	participantExample = `["120363000000000000@g.us",["4915123456789@c.us"]]`
	switchParams       = []param{groupFirst, {name: "adminsOnly", kind: kindBool, optional: true, doc: "true when left out"}}
	kindDescription    = kind{"string", func(raw json.RawMessage, path string) (any, error) {
		text, err := value.String(raw, path)
		if err == nil && len(text) > 8192 {
			err = bad(path, "is longer than 8192 bytes")
		}
		return text, err
	}}
)

// statusResult is what whatsapp-web.js answers where it has nothing to say.
type statusResult struct {
	Status int `json:"status"`
}

func orNull[T any](p *T) any {
	if p == nil {
		return nil
	}
	return p
}

// metadata returns what is known of a group; what the mirror does not hold yet
// is asked for and kept.
func (c *call) metadata(ctx context.Context, jid types.JID) (*shape.GroupMetadata, error) {
	chat, err := c.Mirror.Chat(ctx, shape.ID(jid))
	switch {
	case err == nil && chat.GroupMetadata != nil:
		return chat.GroupMetadata, nil
	case err != nil && !errors.Is(err, mirror.ErrNotFound):
		return nil, fmt.Errorf("read group: %w", err)
	}
	if err := c.ready(c.cli, needOnline); err != nil {
		return nil, err
	}
	info, err := c.cli.GetGroupInfo(ctx, jid)
	if err != nil {
		return nil, err
	}
	change, ok, err := inbound.Joined(ctx, c.account(), c.cli.Store.LIDs, []*types.GroupInfo{info})
	if err == nil && ok {
		err = c.Mirror.Apply(ctx, change)
	}
	if err != nil {
		return nil, fmt.Errorf("keep group: %w", err)
	}
	if chat, err = c.Mirror.Chat(ctx, shape.ID(jid)); err != nil {
		return nil, fmt.Errorf("read group: %w", err)
	}
	if chat.GroupMetadata == nil {
		return nil, fault.New(fault.NotFound, op, "this group is not known")
	}
	return chat.GroupMetadata, nil
}

func ofGroup(answer func(*shape.GroupMetadata) any) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		m, err := c.metadata(ctx, arg[types.JID](c, 0))
		if err != nil {
			return nil, err
		}
		return answer(m), nil
	}
}

func groupSwitch(set func(context.Context, *call, types.JID, bool) error) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		return accepted(set(ctx, c, arg[types.JID](c, 0), c.args[1] == nil || arg[bool](c, 1)))
	}
}

// addressed turns people into the kind of id that a group's members have.
func (c *call) addressed(ctx context.Context, m *shape.GroupMetadata, people []types.JID) ([]types.JID, error) {
	if !m.IsLIDAddressingMode {
		return people, nil
	}
	out := make([]types.JID, len(people))
	for i, jid := range people {
		var err error
		if out[i], err = c.hidden(ctx, jid); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// changeMembers removes, promotes or demotes. As in whatsapp-web.js those who
// are not in the group do not matter.
func changeMembers(change whatsmeow.ParticipantChange) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		jid := arg[types.JID](c, 0)
		m, err := c.metadata(ctx, jid)
		if err != nil {
			return nil, err
		}
		people, err := c.addressed(ctx, m, argList[types.JID](c, 1))
		if err != nil {
			return nil, err
		}
		if len(people) == 0 {
			return nil, bad("params[1]", "expected at least one id")
		}
		if _, err = c.cli.UpdateGroupParticipants(ctx, jid, people, change); err != nil {
			return nil, err
		}
		return statusResult{200}, nil
	}
}

// commonGroups lists the groups that hold both the account and somebody else.
func commonGroups(ctx context.Context, c *call) (any, error) {
	contact, err := c.Mirror.Contact(ctx, shape.ID(arg[types.JID](c, 0)))
	if err != nil {
		return nil, err
	}
	chats, err := c.Mirror.Chats(ctx)
	if err != nil {
		return nil, err
	}
	me := c.account().ID()
	common := []shape.Wid{}
	for _, chat := range chats {
		if chat.GroupMetadata == nil {
			continue
		}
		in := func(id string) bool {
			return slices.ContainsFunc(chat.GroupMetadata.Participants, func(p shape.GroupParticipant) bool { return p.ID.Serialized == id })
		}
		if in(contact.ID.Serialized) && in(me) {
			common = append(common, chat.ID)
		}
	}
	return common, nil
}

// inviteCode is the last part of an invite link.
func inviteCode(link string) string {
	for _, prefix := range []string{"https://chat.whatsapp.com/invite/", whatsmeow.InviteLinkPrefix, whatsmeow.NewsletterLinkPrefix, "https://www.whatsapp.com/channel/"} {
		link = strings.TrimPrefix(link, prefix)
	}
	return link
}
