package relay

// sessionRows are about the session itself. They must answer while no worker
// runs, so the manager does them; here is what the catalog says of them.
var sessionRows = []row{
	{name: "initialize", class: "Client", result: "void", manager: true, doc: "Starts the instance: its worker connects, or shows QR codes."},
	{name: "destroy", class: "Client", result: "void", manager: true, doc: "Stops the instance; the pairing is kept."},
	{name: "requestPairingCode", class: "Client", result: "string", manager: true,
		params: []param{
			{name: "phoneNumber", kind: kindPhone}, {name: "showNotification", kind: kindBool, optional: true, doc: "also on the phone (true)"},
			{name: "intervalMs", kind: kindResponse, optional: true, doc: "ignored: a code lives as long as WhatsApp lets it, and can be asked for again"},
		},
		example: `["4915123456789"]`, doc: "Returns the eight characters to type into the phone instead of scanning a QR code."},
	{name: "cancelPairingCode", class: "Client", result: "void", manager: true, doc: "Drops a pairing code and shows QR codes again."},
	{name: "setDeviceName", class: "Client", result: "void", manager: true,
		params:  []param{{name: "deviceName", kind: kindName, optional: true}, {name: "browserName", kind: kindName, optional: true, doc: "Chrome, Firefox, Edge, Opera, Safari or IE"}},
		example: `["Anna's bakery","Firefox"]`, doc: "Names the device in the phone's list, for the next pairing of the running worker; refused when the account is paired."},
	{name: "on", class: "Client", result: "Webhook", manager: true,
		params:  []param{{name: "event", kind: kindName}, {name: "listener", kind: kindURL, doc: "a URL: a function cannot cross HTTP"}},
		example: `["message","https://example.org/hook"]`, doc: "Posts an event to a URL from now on; returns the webhook with its signing secret."},
}
