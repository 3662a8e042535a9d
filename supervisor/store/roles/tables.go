package roles

// key is how the rows of one worker are told from those of others.
type key int

const (
	nobody    key = iota // workers may not touch the table
	byOwner              // the column is the instance's id
	byDevice             // the column is the JID of the instance's device
	everybody            // there are no rows of anybody: no policy is needed
)

// decision is what a worker may do with a table.
type decision struct {
	grants string // of GRANT
	rows   key
	column string
}

const all = "select, insert, update, delete"

func mine(grants string) decision           { return decision{grants, byOwner, "instance_id"} }
func ofDevice(column string) decision       { return decision{all, byDevice, column} }
func closed() decision                      { return decision{} }
func open(grants string, rows key) decision { return decision{grants: grants, rows: rows} }
func (d decision) allows() (something bool) { return d.grants != "" }

// LibrarySchema is where whatsmeow's tables are.
const LibrarySchema = "whatsmeow"

// ours has the decision for every table of our schema. A table of the mirror is
// its worker's; everything else is the manager's.
var ours = map[string]decision{
	"accounts":        mine("select, insert, update"),
	"chats":           mine(all),
	"contacts":        mine(all),
	"customer_notes":  mine(all),
	"devices":         mine("select"), // changed by claim_device, prove_device and release_device
	"early_changes":   mine(all),
	"event_responses": mine(all),
	"events":          mine("select, insert"),
	"feeds":           mine("select, insert, update"),
	"hidden_people":   mine("select, insert, delete"),
	"label_chats":     mine("select, insert, delete"),
	"labels":          mine(all),
	"lid_pairs":       mine(all),
	"messages":        mine(all),
	"number_refusals": mine("select, insert, update"),
	"number_standing": mine("select, insert, update"),
	"pins":            mine(all),
	"preferences":     mine("select, insert, update"),
	"reactions":       mine(all),
	"receipts":        mine(all),
	"votes":           mine(all),

	"api_keys":           closed(),
	"audit_log":          closed(),
	"database_seal":      closed(),
	"goose_db_version":   closed(),
	"instance_history":   closed(),
	"instances":          closed(), // worker_device tells a worker what it has to know
	"known_addresses":    closed(),
	"link_pages":         closed(),
	"nodes":              closed(),
	"refresh_tokens":     closed(),
	"send_file_parts":    closed(),
	"send_files":         closed(),
	"send_pauses":        closed(),
	"sends":              closed(),
	"settings":           closed(),
	"users":              closed(),
	"webhook_attempts":   closed(),
	"webhook_backlog":    closed(),
	"webhook_endpoints":  closed(),
	"workers":            closed(),
	"river_job":          closed(),
	"river_leader":       closed(),
	"river_migration":    closed(),
	"river_notification": closed(),
	"river_queue":        closed(),
}

// library has the decision for every table of whatsmeow's.
var library = map[string]decision{
	"whatsmeow_device":                  ofDevice("jid"),
	"whatsmeow_identity_keys":           ofDevice("our_jid"),
	"whatsmeow_pre_keys":                ofDevice("jid"),
	"whatsmeow_sessions":                ofDevice("our_jid"),
	"whatsmeow_sender_keys":             ofDevice("our_jid"),
	"whatsmeow_app_state_sync_keys":     ofDevice("jid"),
	"whatsmeow_app_state_version":       ofDevice("jid"),
	"whatsmeow_app_state_mutation_macs": ofDevice("jid"),
	"whatsmeow_contacts":                ofDevice("our_jid"),
	"whatsmeow_chat_settings":           ofDevice("our_jid"),
	"whatsmeow_message_secrets":         ofDevice("our_jid"),
	"whatsmeow_privacy_tokens":          ofDevice("our_jid"),
	"whatsmeow_nct_salt":                ofDevice("our_jid"),
	"whatsmeow_event_buffer":            ofDevice("our_jid"),
	"whatsmeow_retry_buffer":            ofDevice("our_jid"),
	// It has no column that says whose the rows are: lid_pairs is there instead,
	// and no statement of a worker's names it.
	"whatsmeow_lid_map": closed(),
	"whatsmeow_version": open("select", everybody),
}

// functions are what workers may call of ours.
var functions = []string{
	"feed_advance(text, bigint, bigint, bigint)",
	"message_words(text, text)",
	"worker_device(text)",
	"claim_device(text, bigint, text)",
	"prove_device(text, bigint, text)",
	"release_device(text, text)",
	"find_messages(text, text, text, int, int)",
}

// The instance of a session stands in the name of its role, from this place on,
// see loginPrefix. A policy asks for it in a sub-select, once for a statement,
// and in the columns' collation: else Postgres compares row by row, and uses no
// index.
const (
	mineCondition   = `(select substr(session_user::text, 14, 12) collate "default")`
	deviceCondition = `(select d.jid from %s.devices d where d.instance_id = ` + mineCondition + `)`
)
