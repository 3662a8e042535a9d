package group

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
)

const groupExample = `["120363000000000000@g.us"]`

var (
	groupOnly  = []param.Param{{Name: "groupId", Kind: param.GroupID}}
	groupFirst = param.Param{Name: "groupId", Kind: param.GroupID}
)

// Rows returns the methods about groups.
func Rows() []relay.Row {
	return slices.Concat(groupChatRows, groupInviteRows, groupCreateRows, groupNoticeRows)
}

// groupChatRows are the methods of whatsapp-web.js' GroupChat; the group's id
// comes first.
var groupChatRows = []relay.Row{
	{
		Name: "GroupChat.owner", Result: "ContactId|undefined", Need: relay.NeedData,
		Params: groupOnly, Example: groupExample,
		Doc: "Returns who made this group; null when that is not known.",
		Do:  ofGroup(func(m *shape.GroupMetadata) any { return orNull(m.Owner) }),
	},
	{
		Name: "GroupChat.createdAt", Result: "Date", Need: relay.NeedData,
		Params: groupOnly, Example: groupExample,
		Doc: "Returns when this group was made, as an ISO text.",
		Do:  ofGroup(func(m *shape.GroupMetadata) any { return isoTime(m.Creation) }),
	},
	{
		Name: "GroupChat.description", Result: "string|undefined", Need: relay.NeedData,
		Params: groupOnly, Example: groupExample,
		Doc: "Returns this group's description; null when it has none.",
		Do: ofGroup(func(m *shape.GroupMetadata) any {
			if m.Desc == "" {
				return nil
			}
			return m.Desc
		}),
	},
	{
		Name: "GroupChat.participants", Result: "GroupParticipant[]", Need: relay.NeedData,
		Params: groupOnly, Example: groupExample,
		Doc: "Lists who is in this group.",
		Do:  ofGroup(func(m *shape.GroupMetadata) any { return m.Participants }),
	},
	{
		Name: "GroupChat.removeParticipants", Result: "StatusResult", Need: relay.NeedOnline,
		Params: participantParams, Example: participantExample,
		Doc: "Removes people from this group.",
		Do:  changeMembers(whatsmeow.ParticipantChangeRemove),
	},
	{
		Name: "GroupChat.promoteParticipants", Result: "StatusResult", Need: relay.NeedOnline,
		Params: participantParams, Example: participantExample,
		Doc: "Makes people admins of this group.",
		Do:  changeMembers(whatsmeow.ParticipantChangePromote),
	},
	{
		Name: "GroupChat.demoteParticipants", Result: "StatusResult", Need: relay.NeedOnline,
		Params: participantParams, Example: participantExample,
		Doc: "Makes admins of this group members again.",
		Do:  changeMembers(whatsmeow.ParticipantChangeDemote),
	},
	{
		Name: "GroupChat.setSubject", Result: "boolean", Need: relay.NeedOnline,
		Params:  []param.Param{groupFirst, {Name: "subject", Kind: param.Title}},
		Example: `["120363000000000000@g.us","Holiday"]`,
		Doc:     "Renames this group; false when WhatsApp refuses.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			return relay.Accepted(c.Client.SetGroupName(ctx, relay.Arg[types.JID](c, 0), relay.Arg[string](c, 1)))
		},
	},
	{
		Name: "GroupChat.setDescription", Result: "boolean", Need: relay.NeedOnline,
		Params:  []param.Param{groupFirst, {Name: "description", Kind: param.Description}},
		Example: `["120363000000000000@g.us","Where to go in June"]`,
		Doc:     "Describes this group, or with an empty text takes the description away; false when WhatsApp refuses.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			return relay.Accepted(c.Client.SetGroupTopic(ctx, relay.Arg[types.JID](c, 0), "", "", relay.Arg[string](c, 1)))
		},
	},
	{
		Name: "GroupChat.setAddMembersAdminsOnly", Result: "boolean", Need: relay.NeedOnline,
		Params: switchParams, Example: groupExample,
		Doc: "Lets only admins add people to this group, or everybody; false when WhatsApp refuses.",
		Do: groupSwitch(func(ctx context.Context, c *relay.Call, jid types.JID, on bool) error {
			mode := types.GroupMemberAddModeAllMember
			if on {
				mode = types.GroupMemberAddModeAdmin
			}
			return c.Client.SetGroupMemberAddMode(ctx, jid, mode)
		}),
	},
	{
		Name: "GroupChat.setMessagesAdminsOnly", Result: "boolean", Need: relay.NeedOnline,
		Params: switchParams, Example: groupExample,
		Doc: "Lets only admins write to this group, or everybody; false when WhatsApp refuses.",
		Do: groupSwitch(func(ctx context.Context, c *relay.Call, jid types.JID, on bool) error {
			return c.Client.SetGroupAnnounce(ctx, jid, on)
		}),
	},
	{
		Name: "GroupChat.setInfoAdminsOnly", Result: "boolean", Need: relay.NeedOnline,
		Params: switchParams, Example: groupExample,
		Doc: "Lets only admins change what this group says of itself, or everybody; false when WhatsApp refuses.",
		Do: groupSwitch(func(ctx context.Context, c *relay.Call, jid types.JID, on bool) error {
			return c.Client.SetGroupLocked(ctx, jid, on)
		}),
	},
	{
		Name: "GroupChat.setPicture", Result: "boolean", Need: relay.NeedOnline,
		Params: []param.Param{
			groupFirst,
			{Name: "media", Kind: media.Kind, Doc: "an image; cropped to a square of 640 pixels"},
		},
		Example: `["120363000000000000@g.us",` + media.Example + "]",
		Doc:     "Sets this group's picture; false when WhatsApp refuses it.",
		Do:      changePicture,
	},
	{
		Name: "GroupChat.deletePicture", Result: "boolean", Need: relay.NeedOnline,
		Params: groupOnly, Example: groupExample,
		Doc: "Removes this group's picture; false when WhatsApp refuses.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			return setPicture(ctx, c, nil)
		},
	},
	{
		Name: "GroupChat.leave", Result: "void", Need: relay.NeedOnline,
		Params: groupOnly, Example: groupExample,
		Doc: "Leaves this group; its chat stays, and can only be read.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			return nil, c.Client.LeaveGroup(ctx, relay.Arg[types.JID](c, 0))
		},
	},
}

var (
	participantParams  = []param.Param{groupFirst, {Name: "participantIds", Kind: param.People}}
	participantExample = `["120363000000000000@g.us",["4915123456789@c.us"]]`
	switchParams       = []param.Param{
		groupFirst, {Name: "adminsOnly", Kind: param.Bool, Optional: true, Doc: "true when left out"},
	}
)

// changePicture sets the group's picture to the second parameter.
func changePicture(ctx context.Context, c *relay.Call) (any, error) {
	jpeg, err := c.Media.Square(ctx, relay.Arg[*media.MessageMedia](c, 1))
	if err != nil {
		return nil, err
	}
	return setPicture(ctx, c, jpeg)
}

// setPicture sets the group's picture; nil removes it. It is false when WhatsApp refused.
func setPicture(ctx context.Context, c *relay.Call, jpeg []byte) (any, error) {
	_, err := c.Client.SetGroupPhoto(ctx, relay.Arg[types.JID](c, 0), jpeg)
	return relay.Accepted(err)
}

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

// metadata returns what is known of a group. A group that the mirror does not have
// yet is asked for and kept.
func metadata(ctx context.Context, c *relay.Call, jid types.JID) (*shape.GroupMetadata, error) {
	chat, err := c.Mirror.Chat(ctx, shape.ID(jid))
	switch {
	case err == nil && chat.GroupMetadata != nil:
		return chat.GroupMetadata, nil
	case err != nil && !errors.Is(err, mirror.ErrNotFound):
		return nil, fmt.Errorf("read group: %w", err)
	}
	if err := c.Require(relay.NeedOnline); err != nil {
		return nil, err
	}
	info, err := c.Client.GetGroupInfo(ctx, jid)
	if err != nil {
		return nil, err
	}
	change, ok, err := inbound.Joined(ctx, c.Account(), c.Client.Store.LIDs, []*types.GroupInfo{info})
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
		return nil, fault.New(fault.NotFound, relay.Op, "this group is not known")
	}
	return chat.GroupMetadata, nil
}

func ofGroup(answer func(*shape.GroupMetadata) any) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		m, err := metadata(ctx, c, relay.Arg[types.JID](c, 0))
		if err != nil {
			return nil, err
		}
		return answer(m), nil
	}
}

func groupSwitch(set func(context.Context, *relay.Call, types.JID, bool) error) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		return relay.Accepted(set(ctx, c, relay.Arg[types.JID](c, 0), !c.Given(1) || relay.Arg[bool](c, 1)))
	}
}

// addressed turns people into the kind of id that a group's members have.
func addressed(ctx context.Context, c *relay.Call, m *shape.GroupMetadata, people []types.JID) ([]types.JID, error) {
	if !m.IsLIDAddressingMode {
		return people, nil
	}
	out := make([]types.JID, len(people))
	for i, jid := range people {
		var err error
		if out[i], err = c.HiddenID(ctx, jid); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// changeMembers removes, promotes or demotes people. As in whatsapp-web.js, people
// who are not in the group do not matter.
func changeMembers(change whatsmeow.ParticipantChange) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		jid := relay.Arg[types.JID](c, 0)
		m, err := metadata(ctx, c, jid)
		if err != nil {
			return nil, err
		}
		people, err := addressed(ctx, c, m, relay.ArgList[types.JID](c, 1))
		if err != nil {
			return nil, err
		}
		if len(people) == 0 {
			return nil, param.Bad("params[1]", "expected at least one id")
		}
		if _, err = c.Client.UpdateGroupParticipants(ctx, jid, people, change); err != nil {
			return nil, err
		}
		return statusResult{200}, nil
	}
}

// commonGroups lists the groups that hold both the account and somebody else.
func commonGroups(ctx context.Context, c *relay.Call) (any, error) {
	contact, err := c.Mirror.Contact(ctx, shape.ID(relay.Arg[types.JID](c, 0)))
	if err != nil {
		return nil, err
	}
	chats, err := c.Mirror.Chats(ctx)
	if err != nil {
		return nil, err
	}
	me := c.Account().ID()
	common := []shape.Wid{}
	for _, chat := range chats {
		if chat.GroupMetadata == nil {
			continue
		}
		in := func(id string) bool {
			return slices.ContainsFunc(chat.GroupMetadata.Participants, func(p shape.GroupParticipant) bool {
				return p.ID.Serialized == id
			})
		}
		if in(contact.ID.Serialized) && in(me) {
			common = append(common, chat.ID)
		}
	}
	return common, nil
}
