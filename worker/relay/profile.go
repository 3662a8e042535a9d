package relay

import (
	"context"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/mirror"
)

// profileRows are about the account itself.
var profileRows = []row{
	{name: "setStatus", class: "Client", result: "void", need: needOnline, params: []param{{name: "status", kind: kindName}}, example: `["Back at nine"]`,
		doc: "Sets the about text.",
		do: func(ctx context.Context, c *call) (any, error) {
			text := arg[string](c, 0)
			return nil, c.cli.SetStatusMessage(ctx, types.SetStatusInput{Text: &text})
		}},
	{name: "setDisplayName", class: "Client", result: "boolean", need: needOnline, params: []param{{name: "displayName", kind: kindName}}, example: `["Anna's bakery"]`,
		doc: "Sets the name that others see; true.", do: setDisplayName},
	{name: "sendPresenceAvailable", class: "Client", result: "void", need: needOnline, doc: "Shows the account as online, also after reconnections.",
		do: func(ctx context.Context, c *call) (any, error) { return nil, c.showAs(ctx, true) }},
	{name: "sendPresenceUnavailable", class: "Client", result: "void", need: needOnline, doc: "Shows the account as offline, so that its phone rings, also after reconnections.",
		do: func(ctx context.Context, c *call) (any, error) { return nil, c.showAs(ctx, false) }},
	{name: "resetState", class: "Client", result: "void", need: needOnline, doc: "Drops the connection to WhatsApp; the worker connects again by itself.",
		do: func(_ context.Context, c *call) (any, error) {
			c.cli.ResetConnection()
			return nil, nil
		}},
}

func setDisplayName(ctx context.Context, c *call) (any, error) {
	name := strings.TrimSpace(arg[string](c, 0))
	if name == "" || len([]rune(name)) > 25 {
		return nil, bad("params[0]", "expected a name of 1 to 25 characters")
	}
	if err := c.change(ctx, appstate.BuildSettingPushName(name),
		&events.PushNameSetting{Timestamp: time.Now(), Action: &waSyncAction.PushNameSetting{Name: &name}}); err != nil {
		return nil, err
	}
	// A presence carries the name to those who see the account. One that is to
	// look offline is so again at once.
	if err := c.cli.SendPresence(ctx, types.PresenceAvailable); err != nil {
		return nil, err
	}
	if on, err := c.Mirror.Preference(ctx, mirror.Available); err == nil && !on {
		return true, c.cli.SendPresence(ctx, types.PresenceUnavailable)
	}
	return true, nil
}

// showAs shows the account as online or offline, now and after each reconnection.
func (c *call) showAs(ctx context.Context, online bool) error {
	presence := types.PresenceUnavailable
	if online {
		presence = types.PresenceAvailable
	}
	if err := c.cli.SendPresence(ctx, presence); err != nil {
		return err
	}
	return c.Mirror.SetPreference(ctx, mirror.Available, online)
}
