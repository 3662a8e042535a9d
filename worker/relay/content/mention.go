package content

import (
	"context"
	"fmt"
	"regexp"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/relay"
)

// mention matches a mention in a text: phones look for the user part of an address.
var mention = regexp.MustCompile(`@[0-9]{5,20}\b`)

// Mention names the mentioned people as the members of the chat know them: by hidden id in
// groups that use it, by number in other groups. It returns what writes the same into a
// text; phones show nothing clickable where text and list differ.
func (o *Options) Mention(ctx context.Context, c *relay.Call, to types.JID) (write func(text string) string, err error) {
	if len(o.mentions) == 0 {
		return func(text string) string { return text }, nil
	}
	group, _ := c.Group(ctx, to)
	forms, err := c.MentionForms(ctx, group, o.mentions)
	if err != nil {
		return nil, fmt.Errorf("find ids of mentioned people: %w", err)
	}
	called := make(map[string]string, len(forms))
	for i, form := range forms {
		for _, given := range []types.JID{o.mentions[i], form.Other} {
			called["@"+given.User] = "@" + form.JID.User
		}
		o.mentions[i] = form.JID
	}
	return func(text string) string {
		return mention.ReplaceAllStringFunc(text, func(found string) string {
			if right, ok := called[found]; ok {
				return right
			}
			return found
		})
	}, nil
}
