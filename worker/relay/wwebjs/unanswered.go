package wwebjs

import (
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
)

// impossibleRows are the methods of whatsapp-web.js that make no sense without its
// browser. They are listed so that a caller learns why.
var impossibleRows = []relay.Row{
	{
		Name: "pupPage", Result: "Page",
		Doc:        "The page of the browser.",
		Impossible: "there is no page",
	},
	{
		Name: "pupBrowser", Result: "Browser",
		Doc:        "The browser.",
		Impossible: "there is no browser",
	},
	{
		Name: "interface", Result: "InterfaceController",
		Doc:        "Controls what WhatsApp Web shows.",
		Impossible: "there is no user interface to control",
	},
	{
		Name: "inject", Result: "void",
		Doc:        "Puts scripts into the page.",
		Impossible: "there is no page to put scripts into",
	},
	{
		Name: "attachEventListeners", Result: "void",
		Doc:        "Listens to events of the page.",
		Impossible: "there is no page; events come from the feed",
	},
	{
		Name: "initWebVersionCache", Result: "void",
		Doc:        "Keeps a copy of WhatsApp Web's program.",
		Impossible: "no program of WhatsApp Web is loaded",
	},
	{
		Name: "ClientInfo.getBatteryStatus", Result: "BatteryInfo",
		Doc:        "Returns the phone's battery.",
		Impossible: "phones no longer tell linked devices about their battery",
	},
}

// managerRows must answer while no worker runs. So the manager answers them; here
// is what the catalog says about them.
var managerRows = []relay.Row{
	{
		Name: "initialize", Result: "void", Manager: true,
		Doc: "Starts the instance: its worker connects, or shows QR codes.",
	},
	{
		Name: "destroy", Result: "void", Manager: true,
		Doc: "Stops the instance; the pairing is kept.",
	},
	{
		Name: "requestPairingCode", Result: "string", Manager: true,
		Params: []param.Param{
			{Name: "phoneNumber", Kind: param.Phone},
			{Name: "showNotification", Kind: param.Bool, Optional: true, Doc: "also on the phone (true)"},
			{Name: "intervalMs", Kind: param.Number, Optional: true, Doc: "" +
				"ignored: a code lives as long as WhatsApp lets it, and can " +
				"be asked for again"},
		},
		Example: `["4915123456789"]`,
		Doc:     "Returns the eight characters to type into the phone instead of scanning a QR code.",
	},
	{
		Name: "cancelPairingCode", Result: "void", Manager: true,
		Doc: "Drops a pairing code and shows QR codes again.",
	},
	{
		Name: "setDeviceName", Result: "void", Manager: true,
		Params: []param.Param{
			{Name: "deviceName", Kind: param.Name, Optional: true},
			{Name: "browserName", Kind: param.Name, Optional: true, Doc: "Chrome, Firefox, Edge, Opera, Safari or IE"},
		},
		Example: `["Anna's bakery","Firefox"]`,
		Doc: "Names the device in the phone's list, for the next pairing of the running worker; refused when the " +
			"account is paired.",
	},
	{
		Name: "on", Result: "Webhook", Manager: true,
		Params: []param.Param{
			{Name: "event", Kind: param.Name},
			{Name: "listener", Kind: param.URL, Doc: "a URL: a function cannot cross HTTP"},
		},
		Example: `["message","https://example.org/hook"]`,
		Doc:     "Posts an event to a URL from now on; returns the webhook with its signing secret.",
	},
}
