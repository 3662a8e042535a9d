package group

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
)

// groupCreateRows make groups and add people to them.
var groupCreateRows = []relay.Row{
	{
		Name: "createGroup", Result: "CreateGroupResult|string", Need: relay.NeedOnline, Sends: true,
		Params: []param.Param{
			{Name: "title", Kind: param.Title},
			{Name: "participants", Kind: param.People, Optional: true},
			{Name: "options", Kind: kindCreateOptions, Optional: true, Doc: "" +
				"messageTimer (seconds), parentGroupId, autoSendInviteV4 " +
				"(true), comment, memberAddMode, membershipApprovalMode, announce, isRestrict (as in whatsapp-web.js, " +
				"true opens the group's info to all)"},
		},
		Example: `["Holiday",["4915123456789@c.us"]]`,
		Doc: "Makes a group, and says for each person whether they are in it; those who let nobody add them get an " +
			"invitation. A text that begins with CreateGroupError when WhatsApp refuses.",
		Do: createGroup,
	},
	{
		Name: "GroupChat.addParticipants", Result: "AddParticipantsResult|string", Need: relay.NeedOnline, Sends: true,
		Params: []param.Param{
			groupFirst,
			{Name: "participantIds", Kind: param.People},
			{Name: "options", Kind: kindAddOptions, Optional: true, Doc: "" +
				"autoSendInviteV4 (true), comment, sleep (milliseconds " +
				"between two people, or [least, most]; none without it)"},
		},
		Example: participantExample,
		Doc: "Adds people to this group, and says for each how that went; those who let nobody add them get an " +
			"invitation. A text that begins with AddParticipantsError when the account may not.",
		Do: addParticipants,
	},
}

var (
	kindCreateOptions = param.Object("CreateGroupOptions", (*createOptions).check)
	kindAddOptions    = param.Object("AddParticipantsOptions", (*addOptions).check)
)

type createOptions struct {
	MessageTimer float64         `json:"messageTimer"`
	ParentGroup  json.RawMessage `json:"parentGroupId"`
	AutoInvite   *bool           `json:"autoSendInviteV4"`
	Comment      string          `json:"comment"`
	AdminsAdd    bool            `json:"memberAddMode"`
	Approval     bool            `json:"membershipApprovalMode"`
	Announce     bool            `json:"announce"`
	IsAnnounce   bool            `json:"isAnnounce"`
	IsRestrict   *bool           `json:"isRestrict"`

	parent types.JID
}

func (o *createOptions) check(path string) error {
	if o.MessageTimer < 0 || o.MessageTimer > 90*24*3600 || o.MessageTimer != float64(uint32(o.MessageTimer)) {
		return param.Bad(path+".messageTimer", "expected seconds: 0, 86400, 604800 or 7776000")
	}
	if !param.IsNull(o.ParentGroup) {
		jid, err := param.GroupID.Read(o.ParentGroup, path+".parentGroupId")
		if err != nil {
			return err
		}
		o.parent = jid.(types.JID)
	}
	return nil
}

// added is what became of one person. whatsapp-web.js names the code
// statusCode when a group is made and code when somebody is added.
type added struct {
	StatusCode     int    `json:"statusCode,omitempty"`
	Code           int    `json:"code,omitempty"`
	Message        string `json:"message"`
	IsGroupCreator *bool  `json:"isGroupCreator,omitempty"`
	IsInviteV4Sent bool   `json:"isInviteV4Sent"`
}

// addedTexts are whatsapp-web.js' texts for WhatsApp's codes.
var addedTexts = map[int]string{
	200: "The participant was added successfully",
	403: "The participant can be added by sending private invitation only",
	404: "The phone number is not registered on WhatsApp",
	408: "You cannot add this participant because they recently left the group",
	409: "The participant is already a group member",
	417: "The participant can't be added to the community. You can invite them to join this community through its invite link",
	419: "The participant can't be added because the group is full",
}

func addedText(code int) string {
	if text := addedTexts[code]; text != "" {
		return text
	}
	return "An unknown error occupied while adding a participant" // as whatsapp-web.js writes it
}

type createResult struct {
	Title        string           `json:"title"`
	GID          shape.Wid        `json:"gid"`
	Participants map[string]added `json:"participants"`
}

func createGroup(ctx context.Context, c *relay.Call) (any, error) {
	title, options := relay.Arg[string](c, 0), relay.Arg[createOptions](c, 2)
	people, unknown, err := registered(ctx, c, relay.ArgList[types.JID](c, 1))
	if err != nil {
		return nil, relay.Unsent(err)
	}
	if err := c.Meet(ctx, people, placeIn(relay.ArgList[types.JID](c, 1), people)); err != nil {
		return nil, err
	}
	request := whatsmeow.ReqCreateGroup{
		Name: title, Participants: people, MemberAddMode: types.GroupMemberAddModeAllMember,
	}
	if options.AdminsAdd {
		request.MemberAddMode = types.GroupMemberAddModeAdmin
	}
	request.IsJoinApprovalRequired, request.IsAnnounce = options.Approval, options.Announce || options.IsAnnounce
	request.IsLocked = options.IsRestrict != nil && !*options.IsRestrict
	request.IsEphemeral, request.DisappearingTimer = options.MessageTimer > 0, uint32(options.MessageTimer)
	request.LinkedParentJID = options.parent
	group, err := c.Client.CreateGroup(ctx, request)
	if err != nil {
		if relay.IsRefusal(err) {
			return "CreateGroupError: An unknown error occupied while creating a group", nil
		}
		return nil, err
	}
	c.MarkSent()
	c.NoteGrouped(ctx, group.Participants)
	result := createResult{Title: title, GID: shape.NewWid(shape.ID(group.JID)), Participants: map[string]added{}}
	for _, p := range group.Participants {
		id, err := c.Person(ctx, firstOf(p.PhoneNumber, p.JID))
		if err != nil {
			return nil, err
		}
		code, creator := p.Error, p.IsSuperAdmin
		if code == 0 {
			code = 200
		}
		one := added{StatusCode: code, Message: addedText(code), IsGroupCreator: &creator}
		if p.AddRequest != nil && !param.SwitchedOff(options.AutoInvite) {
			one.IsInviteV4Sent = invite(ctx, c, group.JID, title, options.Comment, p)
		}
		result.Participants[id.Serialized] = one
	}
	for _, jid := range unknown {
		creator := false
		result.Participants[shape.ID(jid)] = added{StatusCode: 404, Message: addedText(404), IsGroupCreator: &creator}
	}
	return result, nil
}

type addOptions struct {
	Sleep      json.RawMessage `json:"sleep"`
	AutoInvite *bool           `json:"autoSendInviteV4"`
	Comment    string          `json:"comment"`

	pause pause
}

func (o *addOptions) check(path string) (err error) {
	o.pause, err = readPause(o.Sleep, path+".sleep")
	return err
}

func addParticipants(ctx context.Context, c *relay.Call) (any, error) {
	group, options := relay.Arg[types.JID](c, 0), relay.Arg[addOptions](c, 2)
	m, err := metadata(ctx, c, group)
	if err != nil {
		return nil, err
	}
	people, unknown, err := registered(ctx, c, relay.ArgList[types.JID](c, 1))
	if err != nil {
		return nil, relay.Unsent(err)
	}
	if err := c.Meet(ctx, people, placeIn(relay.ArgList[types.JID](c, 1), people)); err != nil {
		return nil, err
	}
	result := map[string]added{}
	for _, jid := range unknown {
		result[shape.ID(jid)] = added{Code: 404, Message: addedText(404)}
	}
	// Without a pause between people, one request is enough.
	batch := max(1, len(people))
	if options.pause.most > 0 {
		batch = 1
	}
	for i := 0; i < len(people); i += batch {
		if err := options.pause.before(ctx, i); err != nil {
			return nil, err
		}
		given := people[i:min(i+batch, len(people))]
		named, err := addressed(ctx, c, m, given)
		if err != nil {
			return nil, err
		}
		answers, err := c.Client.UpdateGroupParticipants(ctx, group, named, whatsmeow.ParticipantChangeAdd)
		if err != nil {
			if relay.IsRefusal(err) {
				return "AddParticipantsError: You have no admin rights to add a participant to a group", nil
			}
			return nil, err
		}
		c.MarkSent()
		c.NoteGrouped(ctx, answers)
		for k, p := range answers {
			code := p.Error
			if code == 0 {
				code = 200
			}
			one := added{Code: code, Message: addedText(code)}
			if p.AddRequest != nil && !param.SwitchedOff(options.AutoInvite) {
				one.IsInviteV4Sent = invite(ctx, c, group, m.Subject, options.Comment, p)
			}
			id := shape.ID(p.JID)
			if k < len(given) && len(answers) == len(given) {
				id = shape.ID(given[k]) // WhatsApp answers in the order asked
			}
			result[id] = one
		}
	}
	return result, nil
}

// registered splits people into those on WhatsApp and the others. Only people on
// WhatsApp have a hidden id.
func registered(ctx context.Context, c *relay.Call, people []types.JID) (known, unknown []types.JID, err error) {
	var numbers []string
	for _, jid := range people {
		if jid.Server == types.DefaultUserServer {
			numbers = append(numbers, "+"+jid.User)
		}
	}
	registered := map[string]bool{}
	if len(numbers) > 0 {
		answers, err := c.Client.IsOnWhatsApp(ctx, numbers)
		if err != nil {
			return nil, nil, err
		}
		for _, answer := range answers {
			if answer.IsIn {
				registered[strings.TrimPrefix(answer.Query, "+")] = true
			}
		}
	}
	for _, jid := range people {
		if jid.Server != types.DefaultUserServer || registered[jid.User] {
			known = append(known, jid)
		} else {
			unknown = append(unknown, jid)
		}
	}
	return known, unknown, nil
}

// placeIn names people by their place in the parameter that lists them and others.
func placeIn(listed, people []types.JID) func(int) string {
	return func(i int) string { return fmt.Sprintf("params[1][%d]", slices.Index(listed, people[i])) }
}

// invite sends the invitation that WhatsApp made for a person whom nobody may add.
// The group exists, whether or not it can be sent.
func invite(ctx context.Context, c *relay.Call, group types.JID, name, comment string, p types.GroupParticipant) bool {
	message := &waE2E.Message{GroupInviteMessage: &waE2E.GroupInviteMessage{
		GroupJID: proto.String(group.String()), GroupName: &name, Caption: &comment,
		InviteCode: &p.AddRequest.Code, InviteExpiration: proto.Int64(p.AddRequest.Expiration.Unix()),
	}}
	_, _, err := c.Deliver(ctx, firstOf(p.PhoneNumber, p.JID), message, whatsmeow.SendRequestExtra{})
	if err != nil {
		c.Log.Warn().Err(err).Msg("an invitation into a group could not be sent")
	}
	return err == nil
}

func firstOf(jids ...types.JID) types.JID {
	for _, jid := range jids {
		if !jid.IsEmpty() {
			return jid.ToNonAD()
		}
	}
	return types.EmptyJID
}

// isoTime writes unix seconds as JSON writes a JavaScript Date.
func isoTime(seconds int64) any {
	if seconds == 0 {
		return nil
	}
	return time.Unix(seconds, 0).UTC().Format("2006-01-02T15:04:05.000Z")
}
