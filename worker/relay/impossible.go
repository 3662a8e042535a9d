package relay

// impossibleRows are the methods of whatsapp-web.js that make no sense without
// the browser it drives. They are listed so that a caller learns why.
var impossibleRows = []row{
	{name: "pupPage", class: "Client", result: "Page", doc: "The page of the browser.", impossible: "there is no page"},
	{name: "pupBrowser", class: "Client", result: "Browser", doc: "The browser.", impossible: "there is no browser"},
	{name: "interface", class: "Client", result: "InterfaceController", doc: "Controls what WhatsApp Web shows.", impossible: "there is no user interface to control"},
	{name: "inject", class: "Client", result: "void", doc: "Puts scripts into the page.", impossible: "there is no page to put scripts into"},
	{name: "attachEventListeners", class: "Client", result: "void", doc: "Listens to events of the page.", impossible: "there is no page; events come from the feed"},
	{name: "initWebVersionCache", class: "Client", result: "void", doc: "Keeps a copy of WhatsApp Web's program.", impossible: "no program of WhatsApp Web is loaded"},
	{name: "ClientInfo.getBatteryStatus", class: "ClientInfo", result: "BatteryInfo", doc: "Returns the phone's battery.", impossible: "phones no longer tell linked devices about their battery"},
}
