package relay

import (
	"context"
	"encoding/json"
	"errors"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
)

// kindPicture reads a MessageMedia, of which square makes a picture.
var kindPicture = kind{"MessageMedia", func(raw json.RawMessage, path string) (any, error) {
	m := &messageMedia{}
	if err := m.read(raw, path); err != nil {
		return nil, err
	}
	return m, nil
}}

// square makes a square JPEG, cropped around the middle.
func (c *call) square(ctx context.Context, m *messageMedia) ([]byte, error) {
	if err := m.load(ctx, c); err != nil {
		return nil, err
	}
	jpeg, err := c.Decoder.Square(ctx, m.raw)
	return jpeg, decodeFault(err, m.at+".data")
}

// pictureRows set and remove the account's own picture.
var pictureRows = []row{
	{name: "setProfilePicture", class: "Client", result: "boolean", need: needOnline, params: []param{{name: "media", kind: kindPicture, doc: "an image; cropped to a square of 640 pixels"}},
		example: pictureExample, doc: "Sets the account's picture; false when WhatsApp refuses it.",
		do: func(ctx context.Context, c *call) (any, error) {
			return c.changePicture(ctx, types.EmptyJID, arg[*messageMedia](c, 0))
		}},
	{name: "deleteProfilePicture", class: "Client", result: "boolean", need: needOnline, doc: "Removes the account's picture; false when WhatsApp refuses.",
		do: func(ctx context.Context, c *call) (any, error) { return c.setPicture(ctx, types.EmptyJID, nil) }},
}

// The smallest valid GIF.
const pictureExample = `[{"mimetype":"image/gif","data":"R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"}]`

// changePicture is setPicture with a picture as callers give it.
func (c *call) changePicture(ctx context.Context, jid types.JID, m *messageMedia) (any, error) {
	jpeg, err := c.square(ctx, m)
	if err != nil {
		return nil, err
	}
	return c.setPicture(ctx, jid, jpeg)
}

// setPicture sets the picture of a group, or with the empty address our own;
// nil removes it. It is false when WhatsApp refused.
func (c *call) setPicture(ctx context.Context, jid types.JID, jpeg []byte) (any, error) {
	_, err := c.cli.SetGroupPhoto(ctx, jid, jpeg)
	return accepted(err)
}

// accepted turns WhatsApp's refusal into false, as whatsapp-web.js does where it
// answers a boolean.
func accepted(err error) (any, error) {
	var refused *whatsmeow.IQError
	if errors.As(err, &refused) && refused.Code != 0 && refused.Code < 500 && refused.Code != 429 {
		return false, nil
	}
	return err == nil, err
}
