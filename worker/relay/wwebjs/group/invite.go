package group

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// groupInviteRows are about invitations into groups and requests to join them.
var groupInviteRows = slices.Concat(
	[]relay.Row{
		{
			Name: "getInviteInfo", Result: "InviteInfo", Need: relay.NeedOnline,
			Params: codeOnly, Example: codeExample,
			Doc: "Returns the group behind an invite link, as groupMetadata has it.",
			Do: func(ctx context.Context, c *relay.Call) (any, error) {
				info, err := c.Client.GetGroupInfoFromLink(ctx, relay.Arg[string](c, 0))
				if err != nil {
					return nil, err
				}
				return inbound.GroupMetadata(ctx, c.Account(), c.Client.Store.LIDs, info), nil
			},
		},
		{
			Name: "acceptInvite", Result: "string", Need: relay.NeedOnline,
			Params: codeOnly, Example: codeExample,
			Doc: "Joins a group by its invite link, or asks to where admins approve; returns the group's id.",
			Do: func(ctx context.Context, c *relay.Call) (any, error) {
				jid, err := c.Client.JoinGroupWithLink(ctx, relay.Arg[string](c, 0))
				return shape.ID(jid), err
			},
		},
		{
			Name: "acceptGroupV4Invite", Result: "StatusResult", Need: relay.NeedOnline,
			Params:  []param.Param{{Name: "inviteInfo", Kind: kindInvite, Doc: "the inviteV4 of a message"}},
			Example: `[{"inviteCode":"Kd0B7bKcGdzT","inviteCodeExp":1767225600,"groupId":"120363000000000000@g.us","fromId":"4915123456789@c.us"}]`,
			Doc:     "Joins a group by a private invitation.",
			Do: func(ctx context.Context, c *relay.Call) (any, error) {
				return acceptPrivate(ctx, c, relay.Arg[privateInvite](c, 0))
			},
		},
		{
			Name: "Message.acceptGroupV4Invite", Result: "StatusResult", Need: relay.NeedOnline,
			Params: messageOnly, Example: messageExample,
			Doc: "Joins the group that this message invites to.",
			Do: relay.OfMessage(func(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
				invite := r.Shape.InviteV4
				if invite == nil {
					return nil, param.Bad("params[0]", "this message is no invitation into a group")
				}
				group, err := value.ParseJID(invite.GroupID)
				if err != nil {
					return nil, param.Bad("params[0]", "this invitation names no group")
				}
				return acceptPrivate(ctx, c, privateInvite{
					Code: invite.InviteCode, Expiration: invite.InviteCodeExp, group: group, from: r.Sender.ToNonAD(),
				})
			}),
		},
		{
			Name: "GroupChat.getInviteCode", Result: "string|undefined", Need: relay.NeedOnline,
			Params: groupOnly, Example: groupExample,
			Doc: "Returns the code of this group's invite link, which is https://chat.whatsapp.com/ and the code; null " +
				"when the account is no admin.",
			Do: groupCode(false),
		},
		{
			Name: "GroupChat.revokeInvite", Result: "string", Need: relay.NeedOnline,
			Params: groupOnly, Example: groupExample,
			Doc: "Makes this group's invite link useless, and returns the code of the new one.",
			Do:  groupCode(true),
		},
	},
	relay.Twins("getGroupMembershipRequests", "GroupChat.getGroupMembershipRequests", relay.Row{
		Result: "GroupMembershipRequest[]", Need: relay.NeedOnline,
		Params: groupOnly, Example: groupExample,
		Doc: "Lists who waits to be let into {a group|this group}.",
		Do:  membershipRequests,
	}),
	relay.Twins("approveGroupMembershipRequests", "GroupChat.approveGroupMembershipRequests", relay.Row{
		Result: "MembershipRequestActionResult[]", Need: relay.NeedOnline,
		Params: decideParams, Example: groupExample,
		Doc: "Lets those {in|into this group} who wait, all or the named ones.",
		Do:  decide(whatsmeow.ParticipantChangeApprove, "Approved"),
	}),
	relay.Twins("rejectGroupMembershipRequests", "GroupChat.rejectGroupMembershipRequests", relay.Row{
		Result: "MembershipRequestActionResult[]", Need: relay.NeedOnline,
		Params: decideParams, Example: groupExample,
		Doc: "Turns those away who {wait|wait for this group}, all or the named ones.",
		Do:  decide(whatsmeow.ParticipantChangeReject, "Rejected"),
	}),
	relay.Twins("getCommonGroups", "Contact.getCommonGroups", relay.Row{
		Result: "ContactId[]", Need: relay.NeedData,
		Params: personOnly, Example: personExample,
		Doc: "Lists the groups that {somebody|this contact} and the account are in.",
		Do:  commonGroups,
	}),
)

const (
	codeExample    = `["Kd0B7bKcGdzT8bPq1XcXyz"]`
	messageExample = `["false_4915123456789@c.us_3EB0C431C26A1916E07E"]`
	personExample  = `["4915123456789@c.us"]`
)

var (
	personOnly   = []param.Param{{Name: "contactId", Kind: param.UserID}}
	messageOnly  = []param.Param{{Name: "messageId", Kind: param.MessageID}}
	codeOnly     = []param.Param{{Name: "inviteCode", Kind: param.InviteCode, Doc: "or the whole link"}}
	decideParams = []param.Param{
		groupFirst,
		{
			Name: "options", Kind: kindDecision, Optional: true,
			Doc: "requesterIds, sleep (milliseconds between two people, or [least, most])",
		},
	}
	kindInvite   = param.Object("InviteV4Data", (*privateInvite).check)
	kindDecision = param.Object("object", (*decision).check)
)

// privateInvite is whatsapp-web.js' InviteV4Data.
type privateInvite struct {
	Code       string          `json:"inviteCode"`
	Expiration int64           `json:"inviteCodeExp"` // unix seconds
	Group      json.RawMessage `json:"groupId"`
	From       json.RawMessage `json:"fromId"`

	group, from types.JID
}

func (i *privateInvite) check(path string) error {
	if i.Code == "" {
		return param.Bad(path+".inviteCode", "is missing: expected the inviteV4 of a message")
	}
	if i.Expiration == 0 {
		return param.Bad(path+".inviteCodeExp", "the invitation has expired")
	}
	group, err := param.GroupID.Read(i.Group, path+".groupId")
	if err != nil {
		return err
	}
	from, err := param.UserID.Read(i.From, path+".fromId")
	if err != nil {
		return err
	}
	i.group, i.from = group.(types.JID), from.(types.JID)
	return nil
}

func acceptPrivate(ctx context.Context, c *relay.Call, i privateInvite) (any, error) {
	if err := c.Client.JoinGroupWithInvite(ctx, i.group, i.from, i.Code, i.Expiration); err != nil {
		return nil, err
	}
	return statusResult{200}, nil
}

func groupCode(reset bool) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		link, err := c.Client.GetGroupInviteLink(ctx, relay.Arg[types.JID](c, 0), reset)
		if err != nil {
			if !reset && relay.IsRefusal(err) {
				return nil, nil
			}
			return nil, err
		}
		return param.CodeOfLink(link), nil
	}
}

// membershipRequest is whatsapp-web.js' GroupMembershipRequest.
type membershipRequest struct {
	ID       shape.Wid  `json:"id"`
	Username string     `json:"username,omitempty"` // ours
	AddedBy  shape.Wid  `json:"addedBy"`
	Parent   *shape.Wid `json:"parentGroupId"`
	Method   string     `json:"requestMethod"`
	At       int64      `json:"t"`

	jid types.JID
}

// requestMethods are whatsapp-web.js' names of how somebody asked.
var requestMethods = map[string]string{
	"non_admin_add": "NonAdminAdd", "invite_link": "InviteLink", "linked_group_join": "LinkedGroupJoin",
}

func membershipRequests(ctx context.Context, c *relay.Call) (any, error) {
	waiting, err := requests(ctx, c, relay.Arg[types.JID](c, 0))
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(waiting))
	for i, r := range waiting {
		ids[i] = r.ID.Serialized
	}
	names, err := c.Mirror.Usernames(ctx, ids)
	for i := range waiting {
		waiting[i].Username = names[ids[i]]
	}
	return relay.List(waiting, err)
}

// requests asks who waits to be let in. whatsmeow's own method keeps only the id and
// the time of a request, so its query is sent and read here.
func requests(ctx context.Context, c *relay.Call, group types.JID) ([]membershipRequest, error) {
	//lint:ignore SA1019 whatsmeow has no other way to send a query of one's own
	answer, err := c.Client.DangerousInternals().SendGroupIQ(
		ctx, "get", group, waBinary.Node{Tag: "membership_approval_requests"},
	)
	if err != nil {
		return nil, err
	}
	var waiting []membershipRequest
	requests := answer.GetChildByTag("membership_approval_requests")
	for _, n := range requests.GetChildrenByTag("membership_approval_request") {
		attrs := n.AttrGetter()
		jid := attrs.JID("jid")
		by := attrs.OptionalJIDOrEmpty("requestor")
		if by.IsEmpty() {
			by = jid
		}
		r := membershipRequest{
			jid: jid, At: attrs.OptionalUnixTime("request_time").Unix(),
			Method: requestMethods[attrs.OptionalString("request_method")],
		}
		if r.Method == "" {
			r.Method = "InviteLink"
		}
		if parent := attrs.OptionalJIDOrEmpty("parent_group_jid"); !parent.IsEmpty() {
			wid := shape.NewWid(shape.ID(parent))
			r.Parent = &wid
		}
		if err := attrs.Error(); err != nil {
			return nil, fmt.Errorf("read membership request: %w", err)
		}
		if number := attrs.OptionalJIDOrEmpty("phone_number"); !number.IsEmpty() {
			c.Client.StoreLIDPNMapping(ctx, jid, number)
		}
		if r.ID, err = c.Person(ctx, jid); err != nil {
			return nil, err
		}
		if r.AddedBy, err = c.Person(ctx, by); err != nil {
			return nil, err
		}
		waiting = append(waiting, r)
	}
	return waiting, nil
}

// decision is whatsapp-web.js' MembershipRequestActionOptions.
type decision struct {
	Requesters json.RawMessage `json:"requesterIds"`
	Sleep      json.RawMessage `json:"sleep"`

	people []types.JID
	pause  pause
}

func (d *decision) check(path string) (err error) {
	if !param.IsNull(d.Requesters) {
		read, err := param.People.Read(d.Requesters, path+".requesterIds")
		if err != nil {
			return err
		}
		for _, jid := range read.([]any) {
			d.people = append(d.people, jid.(types.JID))
		}
	}
	d.pause, err = readPause(d.Sleep, path+".sleep")
	return err
}

// decided is whatsapp-web.js' MembershipRequestActionResult.
type decided struct {
	Requester string `json:"requesterId"`
	Error     int    `json:"error,omitempty"`
	Message   string `json:"message"`
}

// decidedErrors are whatsapp-web.js' texts for WhatsApp's codes.
var decidedErrors = map[int]string{
	400: "ParticipantNotFoundError", 401: "ParticipantNotAuthorizedError", 403: "ParticipantForbiddenError",
	404: "ParticipantRequestNotFoundError", 408: "ParticipantTemporarilyBlockedError", 409: "ParticipantConflictError",
	412: "ParticipantParentLinkedGroupsResourceConstraintError", 500: "ParticipantResourceConstraintError",
}

func decide(action whatsmeow.ParticipantRequestChange, done string) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		group, options := relay.Arg[types.JID](c, 0), relay.Arg[decision](c, 1)
		waiting, err := requests(ctx, c, group)
		if err != nil {
			return nil, err
		}
		results := []decided{}
		for i, r := range chosen(ctx, c, waiting, options.people) {
			if err := options.pause.before(ctx, i); err != nil {
				return nil, err
			}
			answers, err := c.Client.UpdateGroupRequestParticipants(ctx, group, []types.JID{r.jid}, action)
			if err != nil {
				return nil, err
			}
			result := decided{Requester: r.ID.Serialized, Message: done + " successfully"}
			if len(answers) > 0 && answers[0].Error != 0 {
				result.Error = answers[0].Error
				if result.Message = decidedErrors[result.Error]; result.Message == "" {
					result.Message = fmt.Sprintf("WhatsApp answered %d", result.Error)
				}
			}
			results = append(results, result)
		}
		return results, nil
	}
}

// chosen returns the requests of these people, or all. A person who does not wait is
// asked about all the same, so that the result has WhatsApp's answer.
func chosen(ctx context.Context, c *relay.Call, waiting []membershipRequest, people []types.JID) []membershipRequest {
	if people == nil {
		return waiting
	}
	var picked []membershipRequest
	for _, jid := range people {
		id, err := c.Person(ctx, jid)
		if err != nil {
			id = shape.NewWid(shape.ID(jid))
		}
		one := membershipRequest{ID: id, jid: jid}
		for _, r := range waiting {
			if r.ID == id {
				one = r
			}
		}
		picked = append(picked, one)
	}
	return picked
}

// pause is the time between two people, so that a long list does not look as if a
// machine worked through it.
type pause struct{ least, most time.Duration }

func readPause(raw json.RawMessage, path string) (p pause, err error) {
	if param.IsNull(raw) {
		return pause{}, nil
	}
	bounds := []json.RawMessage{raw, raw}
	if value.Kind(raw) == "array" {
		if err := json.Unmarshal(raw, &bounds); err != nil || len(bounds) != 2 {
			return p, param.Bad(path, "expected milliseconds, or [least, most]")
		}
	}
	for i, to := range []*time.Duration{&p.least, &p.most} {
		ms, err := value.Number(bounds[i], path)
		if err != nil || ms < 0 || ms > 10_000 {
			return p, param.Bad(path, "expected milliseconds from 0 to 10000, or [least, most]")
		}
		*to = time.Duration(ms * float64(time.Millisecond))
	}
	if p.most < p.least {
		return p, param.Bad(path, "the least time is longer than the most")
	}
	return p, nil
}

// before waits before the person at the index, unless it is the first.
func (p pause) before(ctx context.Context, i int) error {
	wait := p.least
	if p.most > p.least {
		wait += rand.N(p.most - p.least)
	}
	if i == 0 || wait == 0 {
		return nil
	}
	if err := backoff.Sleep(ctx, wait); err != nil {
		return fault.Wrap(fault.Deadline, relay.Op, err, "the time for the call was over before everybody's turn")
	}
	return nil
}
