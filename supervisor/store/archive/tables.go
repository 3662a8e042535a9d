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
	{name: "instances", where: "id = $id",
		set:   map[string]string{"id": theInstance, "owner_id": theOwner, "desired": theWish, "device_jid": theDevice},
		leave: []string{"node_id", "deleted_at", "moved_at"}},
	ours("feeds", ""),
	ours("events", "seq"),
	ours("api_keys", ""),
	{name: "webhook_endpoints", where: "instance_id = $id", set: map[string]string{"instance_id": theInstance}, leave: []string{"created_by_user"}},
	{name: "webhook_backlog", where: "endpoint_id in (select id from webhook_endpoints where instance_id = $id)",
		merge: "where endpoint_id in (select id from webhook_endpoints where instance_id = $id)"},
	ours("instance_history", "id"),
	ours("accounts", ""),
	ours("contacts", ""),
	ours("chats", ""),
	ours("messages", "position"),
	ours("receipts", ""),
	ours("reactions", ""),
	ours("votes", ""),
	ours("pins", ""),
	ours("labels", ""),
	ours("label_chats", ""),
	ours("customer_notes", ""),
	ours("preferences", ""),
	ours("sends", "position"),
	ours("send_pauses", ""),

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
	{name: "whatsmeow_lid_map", library: true, where: acquaintances,
		merge: "on conflict do nothing"},
}

// leftBehind are tables with rows of an instance that stay where they are.
var leftBehind = map[string]string{
	"workers":          "processes of this server",
	"webhook_attempts": "how the last posts from this server went, for people",
}

func ours(name, order string) table {
	return table{name: name, where: "instance_id = $id", order: order, set: map[string]string{"instance_id": theInstance}}
}

func whatsmeows(name, key string) table {
	return table{name: "whatsmeow_" + name, library: true, where: key + " = $jid", set: map[string]string{key: theDevice}}
}

// acquaintances are the pairs of those this account has to do with: the table
// is shared, and whom other accounts know is nobody's business. Every form of
// an address begins with the digits that stand in the table.
const acquaintances = `lid in (select * from known) or pn in (select * from known)`

const known = `with known as (
	select distinct substring(address from '^[0-9]+') from (
		select their_id as address from whatsmeow.whatsmeow_sessions where our_jid = $jid
		union all select their_id from whatsmeow.whatsmeow_identity_keys where our_jid = $jid
		union all select sender_id from whatsmeow.whatsmeow_sender_keys where our_jid = $jid
		union all select their_jid from whatsmeow.whatsmeow_contacts where our_jid = $jid
		union all select their_jid from whatsmeow.whatsmeow_privacy_tokens where our_jid = $jid
		union all select jid from whatsmeow.whatsmeow_device where jid = $jid
		union all select replace(lid, 'sealed..', '') from whatsmeow.whatsmeow_device where jid = $jid
		union all select id from contacts where instance_id = $id
		union all select lid from contacts where instance_id = $id
		union all select id from chats where instance_id = $id
	) addresses
) `

func tableNamed(name string) (table, bool) {
	for _, t := range tables {
		if t.name == name {
			return t, true
		}
	}
	return table{}, false
}

// sources is what stands in front of the query for a table's rows.
func (t table) sources() string {
	if t.where == acquaintances {
		return known
	}
	return ""
}
