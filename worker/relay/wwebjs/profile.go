package wwebjs

import (
	"context"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/relay/param"
)

// profileRows are about the account itself, and keep the switches that
// whatsapp-web.js keeps in the browser's profile.
var profileRows = []relay.Row{
	{
		Name: "setStatus", Result: "void", Need: relay.NeedOnline,
		Params: []param.Param{{Name: "status", Kind: param.About}}, Example: `["Back at nine"]`,
		Doc: "Sets the about text.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			text := relay.Arg[string](c, 0)
			return nil, c.Client.SetStatusMessage(ctx, types.SetStatusInput{Text: &text})
		},
	},
	{
		Name: "setDisplayName", Result: "boolean", Need: relay.NeedOnline,
		Params: []param.Param{{Name: "displayName", Kind: param.Name}}, Example: `["Anna's bakery"]`,
		Doc: "Sets the name that others see; true.",
		Do:  setDisplayName,
	},
	{
		Name: "sendPresenceAvailable", Result: "void", Need: relay.NeedOnline,
		Doc: "Shows the account as online, also after reconnections.",
		Do:  func(ctx context.Context, c *relay.Call) (any, error) { return nil, showAs(ctx, c, true) },
	},
	{
		Name: "sendPresenceUnavailable", Result: "void", Need: relay.NeedOnline,
		Doc: "Shows the account as offline, so that its phone rings, also after reconnections.",
		Do:  func(ctx context.Context, c *relay.Call) (any, error) { return nil, showAs(ctx, c, false) },
	},
	{
		Name: "resetState", Result: "void", Need: relay.NeedOnline,
		Doc: "Drops the connection to WhatsApp; the worker connects again by itself.",
		Do: func(_ context.Context, c *relay.Call) (any, error) {
			c.Client.ResetConnection()
			return nil, nil
		},
	},
	{
		Name: "setProfilePicture", Result: "boolean", Need: relay.NeedOnline,
		Params: []param.Param{
			{Name: "media", Kind: media.Kind, Doc: "an image; cropped to a square of 640 pixels"},
		},
		Example: pictureExample,
		Doc:     "Sets the account's picture; false when WhatsApp refuses it.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			return changePicture(ctx, c, relay.Arg[*media.MessageMedia](c, 0))
		},
	},
	{
		Name: "deleteProfilePicture", Result: "boolean", Need: relay.NeedOnline,
		Doc: "Removes the account's picture; false when WhatsApp refuses.",
		Do:  func(ctx context.Context, c *relay.Call) (any, error) { return setPicture(ctx, c, nil) },
	},
	preference("setAutoDownloadAudio", "auto_download_audio", "void"),
	preference("setAutoDownloadDocuments", "auto_download_documents", "void"),
	preference("setAutoDownloadPhotos", "auto_download_photos", "void"),
	preference("setAutoDownloadVideos", "auto_download_videos", "void"),
	preference("setBackgroundSync", "background_sync", "boolean"),
}

func setDisplayName(ctx context.Context, c *relay.Call) (any, error) {
	name := strings.TrimSpace(relay.Arg[string](c, 0))
	if name == "" || len([]rune(name)) > 25 {
		return nil, param.Bad("params[0]", "expected a name of 1 to 25 characters")
	}
	if err := c.Change(ctx, appstate.BuildSettingPushName(name),
		&events.PushNameSetting{Timestamp: time.Now(), Action: &waSyncAction.PushNameSetting{Name: &name}}); err != nil {
		return nil, err
	}
	// A presence carries the name to the people who see the account. An account that
	// shall look offline does so again at once.
	if err := c.Client.SendPresence(ctx, types.PresenceAvailable); err != nil {
		return nil, err
	}
	if on, err := c.Mirror.Preference(ctx, mirror.Available); err == nil && !on {
		return true, c.Client.SendPresence(ctx, types.PresenceUnavailable)
	}
	return true, nil
}

// showAs shows the account as online or offline, now and after each reconnection.
func showAs(ctx context.Context, c *relay.Call, online bool) error {
	presence := types.PresenceUnavailable
	if online {
		presence = types.PresenceAvailable
	}
	if err := c.Client.SendPresence(ctx, presence); err != nil {
		return err
	}
	return c.Mirror.SetPreference(ctx, mirror.Available, online)
}

// pictureExample is the smallest valid GIF.
const pictureExample = "[" + media.Example + "]"

// changePicture is setPicture with a picture as callers give it.
func changePicture(ctx context.Context, c *relay.Call, m *media.MessageMedia) (any, error) {
	jpeg, err := c.Media.Square(ctx, m)
	if err != nil {
		return nil, err
	}
	return setPicture(ctx, c, jpeg)
}

// setPicture sets the account's picture; nil removes it. It is false when WhatsApp refused.
func setPicture(ctx context.Context, c *relay.Call, jpeg []byte) (any, error) {
	_, err := c.Client.SetGroupPhoto(ctx, types.EmptyJID, jpeg)
	return relay.Accepted(err)
}

// preference keeps a switch of the browser's profile. A file is only fetched when it
// is asked for, so the switches are kept and change nothing.
func preference(name, key, result string) relay.Row {
	return relay.Row{
		Name: name, Result: result, Need: relay.NeedPaired,
		Params: []param.Param{{Name: "flag", Kind: param.Bool}}, Example: "[true]",
		Doc: "Keeps this switch of the browser's profile for the instance. " +
			"Files are downloaded when they are asked for, whatever it says.",
		Do: func(ctx context.Context, c *relay.Call) (any, error) {
			on := relay.Arg[bool](c, 0)
			if err := c.Mirror.SetPreference(ctx, key, on); err != nil {
				return nil, err
			}
			if result == "boolean" {
				return on, nil
			}
			return nil, nil
		},
	}
}
