package moving

// Account is a linked device of a WhatsApp account with all that it needs to go on.
// Addresses of Signal are written as whatsmeow writes them: "4915112345678:3", and
// "12345_1:3" for a hidden id (LID).
type Account struct {
	Device      Device
	PreKeys     []PreKey
	Identities  []Identity
	Sessions    []Session
	SenderKeys  []SenderKey
	SyncKeys    []SyncKey
	Collections []Collection
	Contacts    []Contact
	Chats       []Chat
	Secrets     []Secret
	OldSecrets  int // how many were left out, see Trim
	Tokens      []Token
	Salt        []byte // for the tokens of people who have none
	Pairs       []Pair
	SharedPairs bool // other accounts wrote to the pairs, too
	Received    []Received
	Sent        []Sent
}

// Device is what the account's phone has signed, with the keys behind it. Private keys
// are those of Curve25519; the public ones follow from them.
type Device struct {
	JID            string // with the device's number: 4915112345678:3@s.whatsapp.net
	LID            string // likewise, of the server lid
	RegistrationID uint32

	Noise        [32]byte
	Identity     [32]byte
	SignedPreKey [32]byte
	SignedID     uint32
	Signature    []byte // of the signed pre key, 64 bytes
	AdvSecret    []byte

	Details          []byte
	AccountSignature []byte
	AccountKey       []byte
	DeviceSignature  []byte

	Platform     string
	BusinessName string
	PushName     string
	FacebookUUID string
	LIDMigration int64 // ms; 0: unknown
	MetaNonce    string
}

// PreKey is a one-time pre key that nobody has used yet.
type PreKey struct {
	ID       uint32
	Private  [32]byte
	Uploaded bool // WhatsApp has its public half
}

// Identity is another device's identity key.
type Identity struct {
	Address string
	Key     []byte // public, 32 bytes
}

// Session is a Signal session with another device, as whatsmeow stores it (package ratchet).
type Session struct {
	Address string
	Record  []byte
}

// SenderKey is a device's sender key in a group, as whatsmeow stores it (package ratchet).
type SenderKey struct {
	Group  string
	Sender string
	Record []byte
}

// SyncKey opens patches of the app state.
type SyncKey struct {
	ID          []byte
	Data        []byte
	Timestamp   int64
	Fingerprint []byte // waE2E.AppStateSyncKeyFingerprint
}

// Collection is how far the device has read a part of the app state.
type Collection struct {
	Name    string
	Version uint64
	Hash    []byte // 128 bytes
	Macs    []Mac
}

// Mac is that of one entry in a collection.
type Mac struct {
	Version uint64 // of the patch that set the entry
	Index   []byte // 32 bytes
	Value   []byte // 32 bytes
}

// Contact is what is known about somebody.
type Contact struct {
	JID          string
	FirstName    string
	FullName     string
	PushName     string
	BusinessName string
	Redacted     string // phone number with dots
}

// Chat is how the account's owner keeps a chat.
type Chat struct {
	JID        string
	MutedUntil int64
	Pinned     bool
	Archived   bool
}

// Secret is a message's: answers to polls and events are read with it.
type Secret struct {
	Chat   string
	Sender string
	ID     string
	Key    []byte
}

// Token shows somebody that they wrote to this account first.
type Token struct {
	JID       string
	Token     []byte
	Timestamp int64  // s
	Sent      *int64 // s
}

// Pair says whose phone number a hidden id (LID) is. Both are user parts: digits.
type Pair struct {
	LID string
	PN  string
}

// Received is a message that was decrypted and may come again.
type Received struct {
	Hash      []byte // of the ciphertext, 32 bytes
	Plaintext []byte // nil: it was handled
	Server    int64  // ms
	Inserted  int64  // ms
}

// Sent is a message that a recipient may ask for again.
type Sent struct {
	Chat      string
	ID        string
	Format    string
	Plaintext []byte
	Timestamp int64 // ms
}
