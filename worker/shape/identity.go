package shape

// Pairs holds the two ids of people: each is the key of the other. A person whose other id
// is not known is not in it. A nil one knows nobody.
//
// Everybody is named by number where that is known, and the hidden id (LID) stands beside
// it: a key that ends in Id or Ids has one beside it that ends in Lid or Lids, any other key
// has one with Lid behind it, and an object that is a person has lid beside id. A Message has
// them in _data.
type Pairs map[string]string

// Number returns a person's id by number, or the id as it is when no number is known.
func (p Pairs) Number(id string) string {
	if !IsLID(id) {
		return id
	}
	if number := p[id]; number != "" {
		return number
	}
	return id
}

// LID returns a person's hidden id; empty when it is not known, and for what is no person.
func (p Pairs) LID(id string) string {
	switch {
	case IsLID(id):
		return id
	case IsUser(id):
		return p[id]
	}
	return ""
}

// Name writes the number in place of a hidden id, and returns the hidden id.
func (p Pairs) Name(id *string) (lid string) {
	lid = p.LID(*id)
	*id = p.Number(*id)
	return lid
}

// names is Name for several people. The hidden ids are in the same order, empty where one is
// not known; nil when none is known.
func (p Pairs) names(ids []string) (lids []string) {
	some := false
	lids = make([]string, len(ids))
	for i := range ids {
		lids[i] = p.Name(&ids[i])
		some = some || lids[i] != ""
	}
	if !some {
		return nil
	}
	return lids
}

// Hidden is the part of Data that names people by their hidden ids. MentionedLIDs are in the
// order of the mentions, empty where one is not known.
type Hidden struct {
	FromLID              string   `json:"fromLid,omitempty"`
	ToLID                string   `json:"toLid,omitempty"`
	AuthorLID            string   `json:"authorLid,omitempty"`
	QuotedParticipantLID string   `json:"quotedParticipantLid,omitempty"`
	QuotedRemoteLID      string   `json:"quotedRemoteLid,omitempty"`
	MentionedLIDs        []string `json:"mentionedLids,omitempty"`
}

// People returns the ids of everybody whom a message names.
func (m *Message) People() []string {
	d := &m.Data
	people := []string{m.From, m.To, m.Author, d.QuotedParticipant, d.QuotedRemoteJID}
	people = append(people, m.MentionedIDs...)
	if d.KicKey != nil {
		people = append(people, d.KicKey.Participant)
	}
	if m.InviteV4 != nil {
		people = append(people, m.InviteV4.FromID, m.InviteV4.ToID)
	}
	return people
}

// Identify names everybody by number where it is known, with the hidden id beside it. Ids of
// chats stay: a chat is moved to the number's id when that becomes known.
func (m *Message) Identify(p Pairs, me string) {
	d := &m.Data
	d.FromLID, d.ToLID = p.LID(m.From), p.LID(m.To)
	d.AuthorLID = p.Name(&m.Author)
	d.Author = m.Author
	d.QuotedParticipantLID = p.Name(&d.QuotedParticipant)
	d.QuotedRemoteLID = p.Name(&d.QuotedRemoteJID)
	d.MentionedLIDs = p.names(m.MentionedIDs)
	d.MentionedJIDList = m.MentionedIDs
	if m.InviteV4 != nil {
		p.Name(&m.InviteV4.FromID)
		p.Name(&m.InviteV4.ToID)
	}
	m.ID = m.ID.identified(p, me)
	d.ID = m.ID
	for _, id := range []*MessageID{m.LatestEditMsgKey, m.ProtocolMessageKey, d.KicKey} {
		if id != nil {
			*id = id.identified(p, me)
		}
	}
}

// identified is the id with the number of its author.
func (id MessageID) identified(p Pairs, me string) MessageID {
	if !IsLID(id.Participant) || p[id.Participant] == "" {
		return id
	}
	return NewMessageID(id.FromMe, id.Remote, id.ID, p.Number(id.Participant), me)
}

// People returns the ids of everybody whom the metadata names.
func (g *GroupMetadata) People() []string {
	people := make([]string, 0, len(g.Participants)+3)
	for _, wid := range g.wids() {
		people = append(people, wid.Serialized)
	}
	return people
}

func (g *GroupMetadata) wids() []*Wid {
	wids := make([]*Wid, 0, len(g.Participants)+3)
	for _, list := range [][]GroupParticipant{
		g.Participants, g.PendingParticipants, g.PastParticipants, g.MembershipApprovalRequests,
	} {
		for i := range list {
			wids = append(wids, &list[i].ID)
		}
	}
	for _, wid := range []*Wid{g.Owner, g.SubjectOwner, g.DescOwner} {
		if wid != nil {
			wids = append(wids, wid)
		}
	}
	return wids
}

// Identify names everybody by number where it is known, with the hidden id beside it.
func (g *GroupMetadata) Identify(p Pairs) {
	for _, list := range [][]GroupParticipant{
		g.Participants, g.PendingParticipants, g.PastParticipants, g.MembershipApprovalRequests,
	} {
		for i := range list {
			if lid := p.LID(list[i].ID.Serialized); lid != "" {
				list[i].LID = lid
			}
		}
	}
	g.OwnerLID, g.SubjectOwnerLID, g.DescOwnerLID = p.ofWid(g.Owner), p.ofWid(g.SubjectOwner), p.ofWid(g.DescOwner)
	for _, wid := range g.wids() {
		if IsLID(wid.Serialized) {
			*wid = NewWid(p.Number(wid.Serialized))
		}
	}
}

func (p Pairs) ofWid(wid *Wid) string {
	if wid == nil {
		return ""
	}
	return p.LID(wid.Serialized)
}

// Identify names everybody in a notification by number where it is known.
func (n *GroupNotification) Identify(p Pairs, me string) {
	n.AuthorLID = p.Name(&n.Author)
	n.RecipientLIDs = p.names(n.RecipientIDs)
	n.ID = n.ID.identified(p, me)
}

// Identify names the sender by number where it is known.
func (r *Reaction) Identify(p Pairs, me string) {
	r.SenderLID = p.Name(&r.SenderID)
	r.ID, r.MsgID = r.ID.identified(p, me), r.MsgID.identified(p, me)
}

// Identify names the sender by number where it is known.
func (r *EventResponse) Identify(p Pairs, me string) {
	r.SenderLID = p.Name(&r.SenderID)
	r.ID, r.ParentMsgKey = r.ID.identified(p, me), r.ParentMsgKey.identified(p, me)
}

// Identify names the voter by number where it is known.
func (v *PollVote) Identify(p Pairs, me string) {
	v.VoterLID = p.Name(&v.Voter)
	v.ParentMsgKey = v.ParentMsgKey.identified(p, me)
}

// Identify names the person by number where it is known.
func (e *ReceiptEntry) Identify(p Pairs) {
	e.LID = p.LID(e.ID.Serialized)
	e.ID = NewWid(p.Number(e.ID.Serialized))
}

// ContactIdentity says that two ids are the same person.
type ContactIdentity struct {
	ID   string `json:"id"`
	LID  string `json:"lid"`
	Name string `json:"name,omitempty"` // the best that is known
}
