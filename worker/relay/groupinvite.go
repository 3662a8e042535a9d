package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// groupInviteRows are about getting into groups.
var groupInviteRows = []row{
	{name: "getInviteInfo", class: "Client", result: "InviteInfo", need: needOnline, params: codeOnly, example: codeExample,
		doc: "Returns the group behind an invite link, as groupMetadata has it.",
		do: func(ctx context.Context, c *call) (any, error) {
			info, err := c.cli.GetGroupInfoFromLink(ctx, arg[string](c, 0))
			if err != nil {
				return nil, err
			}
			return inbound.GroupMetadata(ctx, c.account(), c.cli.Store.LIDs, info), nil
		}},
	{name: "acceptInvite", class: "Client", result: "string", need: needOnline, params: codeOnly, example: codeExample,
		doc: "Joins a group by its invite link, or asks to where admins approve; returns the group's id.",
		do: func(ctx context.Context, c *call) (any, error) {
			jid, err := c.cli.JoinGroupWithLink(ctx, arg[string](c, 0))
			return shape.ID(jid), err
		}},
	{name: "acceptGroupV4Invite", class: "Client", result: "StatusResult", need: needOnline,
		params:  []param{{name: "inviteInfo", kind: kindInvite, doc: "the inviteV4 of a message"}},
		doc:     "Joins a group by a private invitation.",
		example: `[{"inviteCode":"Kd0B7bKcGdzT","inviteCodeExp":1767225600,"groupId":"120363000000000000@g.us","fromId":"4915123456789@c.us"}]`,
		do: func(ctx context.Context, c *call) (any, error) {
			return c.acceptPrivate(ctx, arg[privateInvite](c, 0))
		}},
	{name: "Message.acceptGroupV4Invite", class: "Message", result: "StatusResult", need: needOnline, params: messageOnly, example: messageExample,
		doc: "Joins the group that this message invites to.",
		do: ofMessage(func(ctx context.Context, c *call, r mirror.Record) (any, error) {
			invite := r.Shape.InviteV4
			if invite == nil {
				return nil, bad("params[0]", "this message is no invitation into a group")
			}
			group, err := value.ParseJID(invite.GroupID)
			if err != nil {
				return nil, bad("params[0]", "this invitation names no group")
			}
			return c.acceptPrivate(ctx, privateInvite{Code: invite.InviteCode, Expiration: invite.InviteCodeExp, group: group, from: r.Sender.ToNonAD()})
		})},
	{name: "GroupChat.getInviteCode", class: "GroupChat", result: "string|undefined", need: needOnline, params: groupOnly, example: groupExample,
		doc: "Returns the code of this group's invite link, which is https://chat.whatsapp.com/ and the code; null when the account is no admin.", do: groupCode(false)},
	{name: "GroupChat.revokeInvite", class: "GroupChat", result: "string", need: needOnline, params: groupOnly, example: groupExample,
		doc: "Makes this group's invite link useless, and returns the code of the new one.", do: groupCode(true)},
	{name: "getGroupMembershipRequests", class: "Client", result: "GroupMembershipRequest[]", need: needOnline, params: groupOnly, example: groupExample,
		doc: "Lists who waits to be let into a group.", do: membershipRequests},
	{name: "GroupChat.getGroupMembershipRequests", class: "GroupChat", result: "GroupMembershipRequest[]", need: needOnline, params: groupOnly, example: groupExample,
		doc: "Lists who waits to be let into this group.", do: membershipRequests},
	{name: "approveGroupMembershipRequests", class: "Client", result: "MembershipRequestActionResult[]", need: needOnline, params: decideParams, example: groupExample,
		doc: "Lets those in who wait, all or the named ones.", do: decide(whatsmeow.ParticipantChangeApprove, "Approved")},
	{name: "GroupChat.approveGroupMembershipRequests", class: "GroupChat", result: "MembershipRequestActionResult[]", need: needOnline, params: decideParams, example: groupExample,
		doc: "Lets those into this group who wait, all or the named ones.", do: decide(whatsmeow.ParticipantChangeApprove, "Approved")},
	{name: "rejectGroupMembershipRequests", class: "Client", result: "MembershipRequestActionResult[]", need: needOnline, params: decideParams, example: groupExample,
		doc: "Turns those away who wait, all or the named ones.", do: decide(whatsmeow.ParticipantChangeReject, "Rejected")},
	{name: "GroupChat.rejectGroupMembershipRequests", class: "GroupChat", result: "MembershipRequestActionResult[]", need: needOnline, params: decideParams, example: groupExample,
		doc: "Turns those away who wait for this group, all or the named ones.", do: decide(whatsmeow.ParticipantChangeReject, "Rejected")},
	{name: "getCommonGroups", class: "Client", result: "ContactId[]", need: needData, params: personOnly, example: chatExample,
		doc: "Lists the groups that somebody and the account are in.", do: commonGroups},
	{name: "Contact.getCommonGroups", class: "Contact", result: "ContactId[]", need: needData, params: personOnly, example: chatExample,
		doc: "Lists the groups that this contact and the account are in.", do: commonGroups},
}

const codeExample = `["Kd0B7bKcGdzT8bPq1XcXyz"]`

var (
	codeOnly     = []param{{name: "inviteCode", kind: kindCode, doc: "or the whole link"}}
	decideParams = []param{groupFirst, {name: "options", kind: kindDecision, optional: true, doc: "requesterIds, sleep (milliseconds between two people, or [least, most])"}}
	plainCode    = regexp.MustCompile(`^[A-Za-z0-9_-]{4,64}$`)
	kindCode     = kind{"string", func(raw json.RawMessage, path string) (any, error) {
		text, err := value.String(raw, path)
		if err != nil {
			return nil, err
		}
		code := inviteCode(text)
		if !plainCode.MatchString(code) {
			return nil, bad(path, "expected the code of an invite link, or the link")
		}
		return code, nil
	}}
	kindInvite   = kindObject("InviteV4Data", (*privateInvite).check)
	kindDecision = kindObject("object", (*decision).check)
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
		return bad(path+".inviteCode", "is missing: expected the inviteV4 of a message")
	}
	if i.Expiration == 0 {
		return bad(path+".inviteCodeExp", "the invitation has expired")
	}
	group, err := readGroupID(i.Group, path+".groupId")
	if err != nil {
		return err
	}
	from, err := readUserID(i.From, path+".fromId")
	if err != nil {
		return err
	}
	i.group, i.from = group.(types.JID), from.(types.JID)
	return nil
}

func (c *call) acceptPrivate(ctx context.Context, i privateInvite) (any, error) {
	if err := c.cli.JoinGroupWithInvite(ctx, i.group, i.from, i.Code, i.Expiration); err != nil {
		return nil, err
	}
	return statusResult{200}, nil
}

func groupCode(reset bool) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		link, err := c.cli.GetGroupInviteLink(ctx, arg[types.JID](c, 0), reset)
		if err != nil {
			if !reset {
				if ok, other := accepted(err); ok == false && other == nil {
					return nil, nil
				}
			}
			return nil, err
		}
		return inviteCode(link), nil
	}
}

// membershipRequest is whatsapp-web.js' GroupMembershipRequest.
type membershipRequest struct {
	ID      shape.Wid  `json:"id"`
	AddedBy shape.Wid  `json:"addedBy"`
	Parent  *shape.Wid `json:"parentGroupId"`
	Method  string     `json:"requestMethod"`
	At      int64      `json:"t"`

	jid types.JID
}

// requestMethods are whatsapp-web.js' names of how somebody asked.
var requestMethods = map[string]string{"non_admin_add": "NonAdminAdd", "invite_link": "InviteLink", "linked_group_join": "LinkedGroupJoin"}

func membershipRequests(ctx context.Context, c *call) (any, error) {
	return list(c.requests(ctx, arg[types.JID](c, 0)))
}

// requests asks who waits. whatsmeow's own method keeps only the id and the time
// of a request, so its query is sent and read here.
func (c *call) requests(ctx context.Context, group types.JID) ([]membershipRequest, error) {
	//lint:ignore SA1019 whatsmeow has no other way to send a query of one's own
	answer, err := c.cli.DangerousInternals().SendGroupIQ(ctx, "get", group, node("membership_approval_requests", nil))
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
		r := membershipRequest{jid: jid, At: attrs.OptionalUnixTime("request_time").Unix(), Method: requestMethods[attrs.OptionalString("request_method")]}
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
			c.cli.StoreLIDPNMapping(ctx, jid, number)
		}
		if r.ID, err = c.person(ctx, jid); err != nil {
			return nil, err
		}
		if r.AddedBy, err = c.person(ctx, by); err != nil {
			return nil, err
		}
		waiting = append(waiting, r)
	}
	return waiting, nil
}

// person is the id by which integrators know somebody: the number where known.
func (c *call) person(ctx context.Context, jid types.JID) (shape.Wid, error) {
	if jid.Server == types.HiddenUserServer {
		number, err := c.cli.Store.LIDs.GetPNForLID(ctx, jid)
		if err != nil {
			return shape.Wid{}, fmt.Errorf("find number of hidden id: %w", err)
		}
		if !number.IsEmpty() {
			jid = number
		}
	}
	return shape.NewWid(shape.ID(jid.ToNonAD())), nil
}

// decision is whatsapp-web.js' MembershipRequestActionOptions.
type decision struct {
	Requesters json.RawMessage `json:"requesterIds"`
	Sleep      json.RawMessage `json:"sleep"`

	people []types.JID
	pause  pause
}

func (d *decision) check(path string) (err error) {
	if !isNull(d.Requesters) {
		read, err := readPeople(d.Requesters, path+".requesterIds")
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

func decide(action whatsmeow.ParticipantRequestChange, done string) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		group, options := arg[types.JID](c, 0), arg[decision](c, 1)
		waiting, err := c.requests(ctx, group)
		if err != nil {
			return nil, err
		}
		results := []decided{}
		for i, r := range c.chosen(ctx, waiting, options.people) {
			if err := options.pause.before(ctx, i); err != nil {
				return nil, err
			}
			answers, err := c.cli.UpdateGroupRequestParticipants(ctx, group, []types.JID{r.jid}, action)
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

// chosen picks those of people who wait, or all. Somebody who does not wait is
// asked about anyway, so that WhatsApp's answer stands in the result.
func (c *call) chosen(ctx context.Context, waiting []membershipRequest, people []types.JID) []membershipRequest {
	if people == nil {
		return waiting
	}
	var picked []membershipRequest
	for _, jid := range people {
		id, err := c.person(ctx, jid)
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

// pause is the time between two people, so that a long list does not look like
// a machine's.
type pause struct{ least, most time.Duration }

func readPause(raw json.RawMessage, path string) (p pause, err error) {
	if isNull(raw) {
		return pause{}, nil
	}
	bounds := []json.RawMessage{raw, raw}
	if value.Kind(raw) == "array" {
		if err := json.Unmarshal(raw, &bounds); err != nil || len(bounds) != 2 {
			return p, bad(path, "expected milliseconds, or [least, most]")
		}
	}
	for i, to := range []*time.Duration{&p.least, &p.most} {
		ms, err := value.Number(bounds[i], path)
		if err != nil || ms < 0 || ms > 10_000 {
			return p, bad(path, "expected milliseconds from 0 to 10000, or [least, most]")
		}
		*to = time.Duration(ms * float64(time.Millisecond))
	}
	if p.most < p.least {
		return p, bad(path, "the least time is longer than the most")
	}
	return p, nil
}

// before waits, unless it is the first one's turn.
func (p pause) before(ctx context.Context, i int) error {
	wait := p.least
	if p.most > p.least {
		wait += random(p.most - p.least)
	}
	if i == 0 || wait == 0 {
		return nil
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Deadline, op, ctx.Err(), "the time for the call was over before everybody's turn")
	}
}
