package wwebjs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/phone"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
)

var (
	contactOnly = []param.Param{{Name: "contactId", Kind: param.ChatID}}
	personOnly  = []param.Param{{Name: "contactId", Kind: param.UserID}}
	numberOnly  = []param.Param{{Name: "number", Kind: param.Phone}}
)

// contactRows are about other people.
var contactRows = slices.Concat(
	relay.Twins("getProfilePicUrl", "Contact.getProfilePicUrl", relay.Row{
		Result: "string|null", Need: relay.NeedOnline,
		Params: contactOnly, Example: chatExample,
		Doc: "Returns the address of {a profile|this contact's} picture, which ends after some time; null when " +
			"there is none or it is hidden.",
		Do: pictureURL,
	}),
	[]relay.Row{
		{
			Name: "Contact.getAbout", Result: "string|null", Need: relay.NeedOnline,
			Params: personOnly, Example: chatExample,
			Doc: "Returns this contact's about text; null when it is empty or hidden.",
			Do:  about,
		},
		{
			Name: "Contact.getChat", Result: "Chat", Need: relay.NeedData,
			Params: contactOnly, Example: chatExample,
			Doc: "Returns the chat with this contact.",
			Do:  getChatByID,
		},
		{
			Name: "Contact.block", Result: "boolean", Need: relay.NeedOnline,
			Params: personOnly, Example: chatExample,
			Doc: "Blocks this contact; true.",
			Do:  block(events.BlocklistChangeActionBlock),
		},
		{
			Name: "Contact.unblock", Result: "boolean", Need: relay.NeedOnline,
			Params: personOnly, Example: chatExample,
			Doc: "Unblocks this contact; true.",
			Do:  block(events.BlocklistChangeActionUnblock),
		},
		{
			Name: "getBlockedContacts", Result: "Contact[]", Need: relay.NeedOnline, Getter: true,
			Doc: "Lists whom the account has blocked.",
			Do:  blocked,
		},
	},
	relay.Twins("getFormattedNumber", "Contact.getFormattedNumber", relay.Row{
		Result: "string",
		Params: numberOnly, Example: chatExample,
		Doc:    "Writes {a phone|this contact's} number for people.",
		Finish: catalog.FormattedNumber, Do: numberOf,
	}),
	relay.Twins("getCountryCode", "Contact.getCountryCode", relay.Row{
		Result: "string",
		Params: numberOnly, Example: chatExample,
		Doc:    "Returns the calling code of {a number's|this contact's} country.",
		Finish: catalog.CountryCode, Do: numberOf,
	}),
	[]relay.Row{
		{
			Name: "getContactDeviceCount", Result: "number", Need: relay.NeedOnline,
			Params: []param.Param{{Name: "userId", Kind: param.UserID}}, Example: chatExample,
			Doc: "Counts the devices of an account, its phone included.",
			Do: func(ctx context.Context, c *relay.Call) (any, error) {
				devices, err := c.Client.GetUserDevices(ctx, []types.JID{relay.Arg[types.JID](c, 0)})
				return len(devices), err
			},
		},
		{
			Name: "getContactLidAndPhone", Result: "LidAndPhone[]", Need: relay.NeedOnline,
			Params: []param.Param{
				{Name: "userIds", Kind: param.People},
			},
			Example: `[["4915123456789@c.us"]]`,
			Doc:     "Returns the hidden id and the phone number of people; what is not known is left out.",
			Do:      lidAndPhone,
		},
	},
)

func pictureURL(ctx context.Context, c *relay.Call) (any, error) {
	picture, err := c.Client.GetProfilePictureInfo(ctx, relay.Arg[types.JID](c, 0), &whatsmeow.GetProfilePictureParams{})
	switch {
	case errors.Is(err, whatsmeow.ErrProfilePictureNotSet), errors.Is(err, whatsmeow.ErrProfilePictureUnauthorized),
		err == nil && picture == nil:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return picture.URL, nil
}

func about(ctx context.Context, c *relay.Call) (any, error) {
	jid := relay.Arg[types.JID](c, 0)
	people, err := c.Client.GetUserInfo(ctx, []types.JID{jid})
	if err != nil {
		return nil, err
	}
	for _, info := range people { // one person, perhaps under the other id
		if info.Status != "" {
			return shape.Clean(info.Status), nil
		}
	}
	return nil, nil
}

func block(action events.BlocklistChangeAction) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		jid, err := c.HiddenID(ctx, relay.Arg[types.JID](c, 0))
		if err != nil {
			return nil, err
		}
		listed, err := c.Client.UpdateBlocklist(ctx, jid, action)
		if err != nil {
			return nil, err
		}
		// WhatsApp has done it, also when we could not note it; the next connection reads
		// the list again.
		if _, err = c.KeepBlocklist(ctx, listed); err != nil {
			c.Log.Warn().Err(err).Msg("list of blocked contacts not kept")
		}
		return true, nil
	}
}

func blocked(ctx context.Context, c *relay.Call) (any, error) {
	listed, err := c.Client.GetBlocklist(ctx)
	if err != nil {
		return nil, err
	}
	ids, err := c.KeepBlocklist(ctx, listed)
	if err != nil {
		return nil, err
	}
	people := make([]shape.Contact, len(ids))
	for i, id := range ids {
		if people[i], err = c.Mirror.Contact(ctx, id); err != nil {
			return nil, err
		}
	}
	return people, nil
}

// numberOf returns the digits of a number. The manager makes the answer of them.
func numberOf(_ context.Context, c *relay.Call) (any, error) {
	jid := relay.Arg[types.JID](c, 0)
	if jid.Server != types.DefaultUserServer {
		return nil, param.Bad("params[0]", "a hidden id has no phone number")
	}
	digits, err := phone.Digits(jid.User)
	if err != nil {
		return nil, param.Bad("params[0]", "this is not a phone number: it %v", err)
	}
	return digits, nil
}

// lidPhone is whatsapp-web.js' LidAndPhone.
type lidPhone struct {
	LID string `json:"lid,omitempty"`
	PN  string `json:"pn,omitempty"`
}

func lidAndPhone(ctx context.Context, c *relay.Call) (any, error) {
	people := relay.ArgList[types.JID](c, 0)
	var unknown []types.JID
	for _, jid := range people {
		if jid.Server == types.DefaultUserServer {
			if lid, err := c.HiddenID(ctx, jid); err == nil && lid == jid {
				unknown = append(unknown, jid)
			}
		}
	}
	if len(unknown) > 0 { // the answer tells the hidden ids, and whatsmeow keeps them
		if _, err := c.Client.GetUserInfo(ctx, unknown); err != nil {
			return nil, err
		}
	}
	result := make([]lidPhone, len(people))
	for i, jid := range people {
		var lid, pn types.JID
		var err error
		if jid.Server == types.HiddenUserServer {
			if pn, err = c.Client.Store.LIDs.GetPNForLID(ctx, jid); err == nil && !pn.IsEmpty() {
				lid = jid
			}
		} else if lid, err = c.Client.Store.LIDs.GetLIDForPN(ctx, jid); err == nil && !lid.IsEmpty() {
			pn = jid
		}
		if err != nil {
			return nil, fmt.Errorf("find ids: %w", err)
		}
		if !lid.IsEmpty() && !pn.IsEmpty() {
			result[i] = lidPhone{LID: shape.ID(lid.ToNonAD()), PN: shape.ID(pn.ToNonAD())}
		}
	}
	return result, nil
}
