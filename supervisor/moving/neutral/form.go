package neutral

import (
	"encoding/json"
	"strconv"
	"strings"

	"whatsapp-manager/supervisor/moving"
)

// schemaVersion is the only one that is known.
const schemaVersion = 1

// snapshot is the whole document.
type snapshot struct {
	SchemaVersion    int                     `json:"schemaVersion"`
	Source           string                  `json:"source"`
	Identity         identity                `json:"identity"`
	SignedPreKey     preKey                  `json:"signedPreKey"`
	PreKeys          []pair[uint32, preKey]  `json:"preKeys"`
	SignalIdentities []pair[string, []byte]  `json:"signalIdentities"`
	Sessions         []pair[string, session] `json:"sessions"`
	SenderKeys       []pair[string, sender]  `json:"senderKeys"`
	Distributions    []json.RawMessage       `json:"senderKeyDistributions"`
	SyncKeys         []pair[string, syncKey] `json:"appStateSyncKeys"`
	Versions         []pair[string, version] `json:"appStateVersions"`
	Tokens           []pair[string, token]   `json:"privacyTokens"`
	DeviceLists      []json.RawMessage       `json:"deviceLists"`
	Contacts         []pair[string, contact] `json:"contacts"`
	Secrets          []pair[string, secret]  `json:"messageSecrets"`
}

// pair is an entry of a map.
type pair[K, V any] struct {
	key   K
	value V
}

// UnmarshalJSON reads a list of two.
func (p *pair[K, V]) UnmarshalJSON(raw []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	if len(parts) != 2 {
		return moving.Unreadable("an entry of a map is not a pair")
	}
	if err := json.Unmarshal(parts[0], &p.key); err != nil {
		return err
	}
	return json.Unmarshal(parts[1], &p.value)
}

// MarshalJSON writes a list of two.
func (p pair[K, V]) MarshalJSON() ([]byte, error) { return json.Marshal([]any{p.key, p.value}) }

type keyPair struct {
	Public  []byte `json:"pubKey"`
	Private []byte `json:"privKey"`
}

type identity struct {
	Noise          keyPair `json:"noiseKeyPair"`
	Signed         keyPair `json:"signedIdentityKeyPair"`
	RegistrationID uint32  `json:"registrationId"`
	AdvSecret      []byte  `json:"advSecretKey"`
	Account        *struct {
		Details          []byte `json:"details,omitempty"`
		AccountKey       []byte `json:"accountSignatureKey,omitempty"`
		AccountSignature []byte `json:"accountSignature,omitempty"`
		DeviceSignature  []byte `json:"deviceSignature,omitempty"`
	} `json:"signedIdentity,omitempty"`
	JID      string `json:"meJid,omitempty"`
	LID      string `json:"meLid,omitempty"`
	Name     string `json:"meDisplayName,omitempty"`
	Platform string `json:"platform,omitempty"`
}

type preKey struct {
	ID        uint32  `json:"keyId"`
	Pair      keyPair `json:"keyPair"`
	Signature []byte  `json:"signature,omitempty"` // of the signed one
	Uploaded  bool    `json:"uploaded,omitempty"`
}

type address struct {
	User   string `json:"user"`
	Device uint32 `json:"device"`
	Agent  *uint8 `json:"agent,omitempty"`
	Server string `json:"server,omitempty"`
}

type record struct {
	Proto []byte `json:"proto"`
}

type session struct {
	Address address `json:"address"`
	Record  record  `json:"record"`
}

type sender struct {
	Of struct {
		Group  string  `json:"groupId"`
		Sender address `json:"sender"`
	} `json:"groupSender"`
	Record record `json:"record"`
}

type syncKey struct {
	ID          []byte       `json:"keyId"`
	Data        []byte       `json:"keyData"`
	Timestamp   int64        `json:"timestamp,omitempty"`
	Fingerprint *fingerprint `json:"fingerprint,omitempty"`
}

type fingerprint struct {
	RawID   uint32   `json:"rawId"`
	Current uint32   `json:"currentIndex"`
	Indexes []uint32 `json:"deviceIndexes"`
}

type version struct {
	Collection string                 `json:"collection"`
	Version    uint64                 `json:"version"`
	Hash       []byte                 `json:"hash"`
	Values     []pair[string, []byte] `json:"indexValueMap"`
}

type token struct {
	JID       string `json:"jid"`
	Token     []byte `json:"token,omitempty"`
	Timestamp int64  `json:"timestampMs,omitempty"`
	Sent      *int64 `json:"senderTimestampMs,omitempty"`
	Salt      []byte `json:"nctSalt,omitempty"`
}

type contact struct {
	JID      string `json:"jid"`
	Display  string `json:"displayName,omitempty"`
	Push     string `json:"pushName,omitempty"`
	Verified string `json:"verifiedName,omitempty"`
	LID      string `json:"lid,omitempty"`
	Phone    string `json:"phoneNumber,omitempty"`
}

type secret struct {
	ID     string `json:"messageId"`
	Sender string `json:"senderJid"`
	Chat   string `json:"chatJid,omitempty"`
	Secret []byte `json:"secret"`
}

// lidAgent stands for the server lid in addresses of Signal.
const lidAgent = 1

// signal writes an address as whatsmeow does.
func (a address) signal() string {
	agent := uint8(0)
	if a.Agent != nil {
		agent = *a.Agent
	}
	if a.Server == "lid" {
		agent = lidAgent
	}
	user, _, _ := strings.Cut(a.User, ".")
	if agent > 0 {
		user += "_" + strconv.Itoa(int(agent))
	}
	return user + ":" + strconv.Itoa(int(a.Device))
}

// addressOf reads what whatsmeow writes.
func addressOf(signal string) address {
	user, device, _ := strings.Cut(signal, ":")
	user, agent, hasAgent := strings.Cut(user, "_")
	n, _ := strconv.ParseUint(device, 10, 16)
	a := address{User: user, Device: uint32(n)}
	if hasAgent {
		v, _ := strconv.ParseUint(agent, 10, 8)
		number := uint8(v)
		a.Agent = &number
		if number == lidAgent {
			a.Server = "lid"
		}
	}
	return a
}

// key is the address as a name in a map.
func (a address) key() string {
	text := a.User
	if a.Server != "" {
		text += "@" + a.Server
	}
	text += ":" + strconv.Itoa(int(a.Device))
	if a.Agent != nil {
		text += "_" + strconv.Itoa(int(*a.Agent))
	}
	return text
}

// fromKey is the reverse of key, and reads whatsmeow's own form, too: older versions of
// wa-store-migrate write identities under it.
func fromKey(text string) (a address, ok bool) {
	at := strings.LastIndexByte(text, ':')
	if at < 0 {
		return a, false
	}
	head, tail := text[:at], text[at+1:]
	device, agent, hasAgent := strings.Cut(tail, "_")
	user, server, _ := strings.Cut(head, "@")
	if before, inUser, ok := strings.Cut(user, "_"); ok && !hasAgent {
		user, agent, hasAgent = before, inUser, true
	}
	n, err := strconv.ParseUint(device, 10, 16)
	if err != nil {
		return a, false
	}
	a = address{User: user, Device: uint32(n), Server: server}
	if hasAgent {
		v, err := strconv.ParseUint(agent, 10, 8)
		if err != nil {
			return a, false
		}
		number := uint8(v)
		a.Agent = &number
	}
	return a, true
}
