package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

var (
	contactOnly = []param{{name: "contactId", kind: kindChatID}}
	personOnly  = []param{{name: "contactId", kind: kindUserID}}
	numberOnly  = []param{{name: "number", kind: kindPhone}}
	kindName    = kind{"string", readName}
)

// contactRows are about other people.
var contactRows = []row{
	{name: "getProfilePicUrl", class: "Client", result: "string|null", need: needOnline, params: contactOnly, example: chatExample,
		doc: "Returns the address of a profile picture, which ends after some time; null when there is none or it is hidden.", do: pictureURL},
	{name: "Contact.getProfilePicUrl", class: "Contact", result: "string|null", need: needOnline, params: contactOnly, example: chatExample,
		doc: "Returns the address of this contact's picture, which ends after some time; null when there is none or it is hidden.", do: pictureURL},
	{name: "Contact.getAbout", class: "Contact", result: "string|null", need: needOnline, params: personOnly, example: chatExample,
		doc: "Returns this contact's about text; null when it is empty or hidden.", do: about},
	{name: "Contact.getChat", class: "Contact", result: "Chat", need: needData, params: contactOnly, example: chatExample,
		doc: "Returns the chat with this contact.", do: getChatByID},
	{name: "Contact.block", class: "Contact", result: "boolean", need: needOnline, params: personOnly, example: chatExample,
		doc: "Blocks this contact; true.", do: block(events.BlocklistChangeActionBlock)},
	{name: "Contact.unblock", class: "Contact", result: "boolean", need: needOnline, params: personOnly, example: chatExample,
		doc: "Unblocks this contact; true.", do: block(events.BlocklistChangeActionUnblock)},
	{name: "getBlockedContacts", class: "Client", result: "Contact[]", need: needOnline, getter: true, doc: "Lists whom the account has blocked.", do: blocked},
	{name: "getFormattedNumber", class: "Client", result: "string", params: numberOnly, example: chatExample, doc: "Writes a phone number for people.", do: formattedNumber},
	{name: "Contact.getFormattedNumber", class: "Contact", result: "string", params: numberOnly, example: chatExample, doc: "Writes this contact's number for people.", do: formattedNumber},
	{name: "getCountryCode", class: "Client", result: "string", params: numberOnly, example: chatExample, doc: "Returns the calling code of a number's country.", do: countryCode},
	{name: "Contact.getCountryCode", class: "Contact", result: "string", params: numberOnly, example: chatExample, doc: "Returns the calling code of this contact's country.", do: countryCode},
	{name: "getContactDeviceCount", class: "Client", result: "number", need: needOnline, params: []param{{name: "userId", kind: kindUserID}}, example: chatExample,
		doc: "Counts the devices of an account, its phone included.",
		do: func(ctx context.Context, c *call) (any, error) {
			devices, err := c.cli.GetUserDevices(ctx, []types.JID{arg[types.JID](c, 0)})
			return len(devices), err
		}},
	{name: "getContactLidAndPhone", class: "Client", result: "LidAndPhone[]", need: needOnline,
		params: []param{{name: "userIds", kind: kind{"jid|jid[]", readPeople}}}, example: `[["4915123456789@c.us"]]`,
		doc: "Returns the hidden id and the phone number of people; what is not known is left out.", do: lidAndPhone},
	{name: "saveOrEditAddressbookContact", class: "Client", result: "void", need: needOnline,
		params: []param{
			{name: "phoneNumber", kind: kindPhone}, {name: "firstName", kind: kindName}, {name: "lastName", kind: kindName},
			{name: "syncToAddressbook", kind: kindBool, optional: true, doc: "save it in the phone's own address book, too (false)"},
		},
		doc: "Saves a contact, or changes its name.", example: `["4915123456789","Ada","Lovelace"]`, do: saveContact},
}

func readName(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	if err == nil && len(text) > 256 {
		err = bad(path, "is longer than 256 bytes")
	}
	return text, err
}

func readPeople(raw json.RawMessage, path string) (any, error) {
	if value.Kind(raw) == "array" {
		return listOf(readUserID)(raw, path)
	}
	jid, err := readUserID(raw, path)
	return []any{jid}, err
}

func pictureURL(ctx context.Context, c *call) (any, error) {
	picture, err := c.cli.GetProfilePictureInfo(ctx, arg[types.JID](c, 0), &whatsmeow.GetProfilePictureParams{})
	switch {
	case errors.Is(err, whatsmeow.ErrProfilePictureNotSet), errors.Is(err, whatsmeow.ErrProfilePictureUnauthorized), err == nil && picture == nil:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return picture.URL, nil
}

func about(ctx context.Context, c *call) (any, error) {
	jid := arg[types.JID](c, 0)
	people, err := c.cli.GetUserInfo(ctx, []types.JID{jid})
	if err != nil {
		return nil, err
	}
	for _, info := range people { // one was asked for; it may answer under its other id
		if info.Status != "" {
			return shape.Clean(info.Status), nil
		}
	}
	return nil, nil
}

// hidden returns somebody's hidden id, in which WhatsApp keeps lists of people;
// the id as it is when none is known.
func (c *call) hidden(ctx context.Context, jid types.JID) (types.JID, error) {
	if jid.Server != types.DefaultUserServer {
		return jid, nil
	}
	lid, err := c.cli.Store.LIDs.GetLIDForPN(ctx, jid)
	if err != nil {
		return jid, fmt.Errorf("find hidden id: %w", err)
	}
	if lid.IsEmpty() {
		return jid, nil
	}
	return lid.ToNonAD(), nil
}

func block(action events.BlocklistChangeAction) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		jid, err := c.hidden(ctx, arg[types.JID](c, 0))
		if err != nil {
			return nil, err
		}
		listed, err := c.cli.UpdateBlocklist(ctx, jid, action)
		if err != nil {
			return nil, err
		}
		// Done is done, whether we could note it or not; the next connection reads the list again.
		if _, err = c.keepBlocklist(ctx, c.cli, listed); err != nil {
			c.Log.Warn().Err(err).Msg("list of blocked contacts not kept")
		}
		return true, nil
	}
}

func blocked(ctx context.Context, c *call) (any, error) {
	listed, err := c.cli.GetBlocklist(ctx)
	if err != nil {
		return nil, err
	}
	ids, err := c.keepBlocklist(ctx, c.cli, listed)
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

// RefreshBlocklist reads from WhatsApp whom the account has blocked, for isBlocked of contacts.
func (t *Table) RefreshBlocklist(ctx context.Context, cli *whatsmeow.Client) error {
	listed, err := cli.GetBlocklist(ctx)
	if err != nil {
		return fmt.Errorf("ask for blocked contacts: %w", err)
	}
	_, err = t.keepBlocklist(ctx, cli, listed)
	return err
}

// keepBlocklist puts the list into the mirror and returns its ids, by number where that is known.
func (t *Table) keepBlocklist(ctx context.Context, cli *whatsmeow.Client, listed *types.Blocklist) ([]string, error) {
	ids := make([]string, 0, len(listed.JIDs))
	for _, jid := range listed.JIDs {
		if jid.Server == types.HiddenUserServer {
			if number, err := cli.Store.LIDs.GetPNForLID(ctx, jid); err != nil {
				return nil, fmt.Errorf("find number of hidden id: %w", err)
			} else if !number.IsEmpty() {
				jid = number
			}
		}
		if id := shape.ID(jid.ToNonAD()); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, t.Mirror.SetBlocked(ctx, ids)
}

// parsed reads the number behind an id.
func parsed(c *call) (*phonenumbers.PhoneNumber, error) {
	jid := arg[types.JID](c, 0)
	if jid.Server != types.DefaultUserServer {
		return nil, bad("params[0]", "a hidden id has no phone number")
	}
	number, err := phonenumbers.Parse("+"+jid.User, "")
	if err != nil {
		return nil, bad("params[0]", "this is not a phone number with a country code")
	}
	return number, nil
}

// northAmerica is the calling code whose numbers WhatsApp writes as +1 (809) 220-1111.
const northAmerica = 1

func formattedNumber(_ context.Context, c *call) (any, error) {
	number, err := parsed(c)
	if err != nil {
		return nil, err
	}
	if number.GetCountryCode() == northAmerica {
		return "+1 " + phonenumbers.Format(number, phonenumbers.NATIONAL), nil
	}
	return phonenumbers.Format(number, phonenumbers.INTERNATIONAL), nil
}

func countryCode(_ context.Context, c *call) (any, error) {
	number, err := parsed(c)
	if err != nil {
		return nil, err
	}
	return strconv.Itoa(int(number.GetCountryCode())), nil
}

// lidPhone is whatsapp-web.js' LidAndPhone.
type lidPhone struct {
	LID string `json:"lid,omitempty"`
	PN  string `json:"pn,omitempty"`
}

func lidAndPhone(ctx context.Context, c *call) (any, error) {
	people := argList[types.JID](c, 0)
	var unknown []types.JID
	for _, jid := range people {
		if jid.Server == types.DefaultUserServer {
			if lid, err := c.hidden(ctx, jid); err == nil && lid == jid {
				unknown = append(unknown, jid)
			}
		}
	}
	if len(unknown) > 0 { // the answer tells the hidden ids, and whatsmeow keeps them
		if _, err := c.cli.GetUserInfo(ctx, unknown); err != nil {
			return nil, err
		}
	}
	result := make([]lidPhone, len(people))
	for i, jid := range people {
		var lid, pn types.JID
		var err error
		if jid.Server == types.HiddenUserServer {
			if pn, err = c.cli.Store.LIDs.GetPNForLID(ctx, jid); err == nil && !pn.IsEmpty() {
				lid = jid
			}
		} else if lid, err = c.cli.Store.LIDs.GetLIDForPN(ctx, jid); err == nil && !lid.IsEmpty() {
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

func saveContact(ctx context.Context, c *call) (any, error) {
	jid := arg[types.JID](c, 0)
	first, last := strings.TrimSpace(arg[string](c, 1)), strings.TrimSpace(arg[string](c, 2))
	full := strings.TrimSpace(first + " " + last)
	if full == "" {
		return nil, bad("params[1]", "expected a first or a last name")
	}
	action := &waSyncAction.ContactAction{FullName: &full, FirstName: &first, SaveOnPrimaryAddressbook: proto.Bool(arg[bool](c, 3))}
	if lid, err := c.hidden(ctx, jid); err != nil {
		return nil, err
	} else if lid.Server == types.HiddenUserServer {
		action.LidJID = proto.String(lid.String())
	}
	// Index and version as published clients write them.
	return nil, c.change(ctx, appstate.PatchInfo{Type: appstate.WAPatchCriticalUnblockLow, Mutations: []appstate.MutationInfo{{
		Index: []string{appstate.IndexContact, jid.String()}, Version: 2, Value: &waSyncAction.SyncActionValue{ContactAction: action},
	}}}, &events.Contact{JID: jid, Timestamp: time.Now(), Action: action})
}
