package archive

// librarySchema holds whatsmeow's tables, see package worker.
const librarySchema = "whatsmeow"

// table is one that goes along. Conditions refer to the instance as $id and to
// its device as $jid.
type table struct {
	name    string
	library bool              // of whatsmeow, and there for a paired instance only
	where   string            // the rows
	order   string            // "": any
	set     map[string]string // columns that import fills in itself, and with what
	leave   []string          // columns that are not carried
	merge   string            // rows are not written directly but selected from those incoming, with this condition
}

// Values that import fills in.
const (
	theInstance = "$id"
	theDevice   = "$jid"
	theOwner    = "$owner"
	theWish     = "$desired"
)

// tables stand in an order in which what is referred to comes first.
var tables = []table{
	{
		name: "instances", where: "id = $id",
		set:   map[string]string{"id": theInstance, "owner_id": theOwner, "desired": theWish, "device_jid": theDevice},
		leave: []string{"node_id", "deleted_at", "moved_at"},
	},
	ours("feeds", ""),
	ours("events", "seq"),
	ours("api_keys", ""),
	{name: "webhook_endpoints", where: "instance_id = $id", set: map[string]string{"instance_id": theInstance}, leave: []string{"created_by_user"}},
	{
		name: "webhook_backlog", where: "endpoint_id in (select id from webhook_endpoints where instance_id = $id)",
		merge: "where endpoint_id in (select id from webhook_endpoints where instance_id = $id)",
	},
	ours("instance_history", "id"),
	ours("accounts", ""),
	ours("contacts", ""),
	ours("lid_pairs", ""),
	ours("hidden_people", ""),
	ours("chats", ""),
	ours("messages", "position"),
	ours("receipts", ""),
	ours("reactions", ""),
	ours("votes", ""),
	ours("event_responses", ""),
	ours("pins", ""),
	ours("early_changes", ""),
	ours("labels", ""),
	ours("label_chats", ""),
	ours("customer_notes", ""),
	ours("preferences", ""),
	ours("sends", "position"),
	ours("send_files", ""),
	ours("send_file_parts", ""),
	ours("send_pauses", ""),
	ours("number_standing", ""),
	ours("number_refusals", ""),

	whatsmeows("device", "jid"),
	whatsmeows("identity_keys", "our_jid"),
	whatsmeows("pre_keys", "jid"),
	whatsmeows("sessions", "our_jid"),
	whatsmeows("sender_keys", "our_jid"),
	whatsmeows("app_state_sync_keys", "jid"),
	whatsmeows("app_state_version", "jid"),
	whatsmeows("app_state_mutation_macs", "jid"),
	whatsmeows("contacts", "our_jid"),
	whatsmeows("chat_settings", "our_jid"),
	whatsmeows("message_secrets", "our_jid"),
	whatsmeows("privacy_tokens", "our_jid"),
	whatsmeows("nct_salt", "our_jid"),
	whatsmeows("event_buffer", "our_jid"),
	whatsmeows("retry_buffer", "our_jid"),
}

// former are tables that files of older versions have, and what is made of
// their rows.
var former = map[string]struct {
	columns []string // all of type text
	take    string   // the statement that takes them from pg_temp.incoming
}{
	// It was shared by all accounts of the server that the file comes from, and any
	// of them may have put there what it liked: these are hints.
	"whatsmeow_lid_map": {[]string{"lid", "pn"}, `insert into lid_pairs (instance_id, lid, pn, hint)
		select $id, lid, pn, true from pg_temp.incoming where lid ~ '^[0-9]{1,20}$' and pn ~ '^[0-9]{1,20}$' on conflict do nothing`},
}

// leftBehind are tables with rows of an instance that stay where they are.
var leftBehind = map[string]string{
	"devices":          "made anew of the instance's device, see importer.finish",
	"link_pages":       "their addresses are this server's",
	"workers":          "processes of this server",
	"webhook_attempts": "how the last posts from this server went, for people",

	"whatsmeow_lid_map": "shared by all accounts, and of no use to us; lid_pairs is ours",
}

func ours(name, order string) table {
	return table{name: name, where: "instance_id = $id", order: order, set: map[string]string{"instance_id": theInstance}}
}

func whatsmeows(name, key string) table {
	return table{name: "whatsmeow_" + name, library: true, where: key + " = $jid", set: map[string]string{key: theDevice}}
}

func tableNamed(name string) (table, bool) {
	for _, t := range tables {
		if t.name == name {
			return t, true
		}
	}
	return table{}, false
}
