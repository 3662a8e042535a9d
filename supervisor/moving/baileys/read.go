package baileys

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/ratchet"
)

const (
	maxFile  = 4 << 20
	maxFiles = 200_000
)

// Read reads the folder and notes in the report what could not be taken.
func Read(dir string, r *moving.Report) (*moving.Account, error) {
	var c creds
	if err := load(dir, "creds.json", &c); err != nil {
		return nil, err
	}
	device, err := c.device()
	if err != nil {
		return nil, err
	}
	public, _ := ratchet.Typed(ratchet.Public(device.Identity))
	f := &folder{
		dir: dir, report: r, creds: &c, account: &moving.Account{Device: device}, local: local{public, device.RegistrationID},
		identities: map[string][]byte{}, pairs: map[string]string{},
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > maxFiles {
		return nil, moving.Unreadable("the folder has more than %d files", maxFiles)
	}
	for _, e := range entries {
		name, isJSON := strings.CutSuffix(e.Name(), ".json")
		if !isJSON || !e.Type().IsRegular() {
			continue
		}
		if err := f.file(name); err != nil {
			return nil, err
		}
	}
	return f.finish(), nil
}

// load reads a file of the folder. The error quotes nothing of it.
func load(dir, name string, into any) error {
	file, err := os.Open(filepath.Join(dir, filepath.Base(name)))
	if errors.Is(err, os.ErrNotExist) {
		return moving.Unreadable("the folder has no %s: it is not one of Baileys' (useMultiFileAuthState)", name)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return err
	}
	if len(raw) > maxFile {
		return moving.Unreadable("%s is larger than %d bytes", label(name), maxFile)
	}
	if json.Unmarshal(raw, into) != nil {
		return moving.Unreadable("%s is not in the form that Baileys writes", label(name))
	}
	return nil
}

// label names a file by its kind: the rest of its name may be a phone number.
func label(name string) string {
	if kind := prefixOf.FindString(name); kind != "" {
		return "a file " + kind + "*.json"
	}
	if name == "creds.json" {
		return name
	}
	return "a file of the folder"
}

var prefixOf = regexp.MustCompile(`^(app-state-sync-key|app-state-sync-version|sender-key|pre-key|session|identity-key|lid-mapping|tctoken)-`)

type folder struct {
	dir        string
	report     *moving.Report
	creds      *creds
	account    *moving.Account
	local      local
	identities map[string][]byte
	pairs      map[string]string // by phone number
}

// kinds are read by the first prefix that fits, so longer ones come first.
var kinds = []struct {
	prefix string
	read   func(*folder, string, string) error // name of the file, and what follows the prefix
}{
	{"app-state-sync-key-", (*folder).syncKey},
	{"app-state-sync-version-", (*folder).version},
	{"sender-key-memory-", (*folder).ignored},
	{"sender-key-", (*folder).senderKey},
	{"pre-key-", (*folder).preKey},
	{"session-", (*folder).session},
	{"identity-key-", (*folder).identity},
	{"lid-mapping-", (*folder).pair},
	{"device-list-", (*folder).ignored},
	{"device-index-", (*folder).ignored},
	{"tctoken-", (*folder).token},
}

func (f *folder) file(name string) error {
	for _, k := range kinds {
		if rest, ok := strings.CutPrefix(name, k.prefix); ok {
			return k.read(f, name+".json", rest)
		}
	}
	if name != "creds" {
		f.report.Lose("otherFiles", 1, "files of the folder that are not Baileys'")
	}
	return nil
}

func (f *folder) ignored(_, _ string) error {
	f.report.Lose("deviceLists", 1, "who has which devices, and who has our sender keys, is asked and sent anew")
	return nil
}

func (f *folder) preKey(name, rest string) error {
	var pair keyPair
	if err := load(f.dir, name, &pair); err != nil {
		return err
	}
	id, err := strconv.ParseUint(rest, 10, 24)
	if err != nil {
		return moving.Unreadable("a file pre-key-*.json has no number in its name")
	}
	key, err := pair.key("key in a file pre-key-*.json")
	if err != nil {
		return err
	}
	f.account.PreKeys = append(f.account.PreKeys, moving.PreKey{ID: uint32(id), Private: key, Uploaded: number(id) < f.creds.FirstUnsent})
	return nil
}

// addressIn reads 4915112345678.3 and 12345_1.3, which whatsmeow writes with a colon.
var addressIn = regexp.MustCompile(`^([0-9A-Za-z]{1,40}(?:_[0-9]{1,3})?)\.([0-9]{1,5})$`)

func address(text string) (string, bool) {
	parts := addressIn.FindStringSubmatch(text)
	if parts == nil {
		return "", false
	}
	return parts[1] + ":" + parts[2], true
}

func (f *folder) session(name, rest string) error {
	to, ok := address(rest)
	if !ok {
		return moving.Unreadable("a file session-*.json has no address in its name")
	}
	var s session
	if err := load(f.dir, name, &s); err != nil {
		return err
	}
	record, remote, dropped := s.toRatchet(f.local)
	if dropped > 0 {
		f.report.Lose("sessionStates", dropped, "sessions that were closed or never whole; messages in them are asked for again")
	}
	if record == nil {
		return nil
	}
	f.account.Sessions = append(f.account.Sessions, moving.Session{Address: to, Record: record.Bytes()})
	if f.identities[to] == nil {
		f.identities[to] = remote
	}
	return nil
}

func (f *folder) identity(name, rest string) error {
	to, ok := address(rest)
	var key blob
	if err := load(f.dir, name, &key); err != nil {
		return err
	}
	bare, whole := ratchet.Bare(key)
	if !ok || !whole {
		return moving.Unreadable("a file identity-key-*.json holds no key")
	}
	f.identities[to] = bare
	return nil
}

// senderIn reads the name group--user--device. Groups may have hyphens of their own.
var senderIn = regexp.MustCompile(`^([0-9A-Za-z.@-]{3,80})--([0-9A-Za-z]{1,40}(?:_[0-9]{1,3})?)--([0-9]{1,5})$`)

func (f *folder) senderKey(name, rest string) error {
	parts := senderIn.FindStringSubmatch(rest)
	if parts == nil {
		return moving.Unreadable("a file sender-key-*.json has no group and sender in its name")
	}
	var raw json.RawMessage
	if err := load(f.dir, name, &raw); err != nil {
		return err
	}
	var inner blob
	if len(raw) > 0 && raw[0] != '[' && json.Unmarshal(raw, &inner) == nil {
		raw = json.RawMessage(inner)
	}
	record, ok := toSenderKey(raw)
	if !ok {
		return moving.Unreadable("a file sender-key-*.json is not in the form that Baileys writes")
	}
	if record != nil {
		f.account.SenderKeys = append(f.account.SenderKeys, moving.SenderKey{Group: parts[1], Sender: parts[2] + ":" + parts[3], Record: record.Bytes()})
	}
	return nil
}

func (f *folder) syncKey(name, rest string) error {
	var k struct {
		Data        blob   `json:"keyData"`
		Timestamp   number `json:"timestamp"`
		Fingerprint struct {
			RawID   number   `json:"rawId"`
			Current number   `json:"currentIndex"`
			Indexes []number `json:"deviceIndexes"`
		} `json:"fingerprint"`
	}
	if err := load(f.dir, name, &k); err != nil {
		return err
	}
	id, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(rest, "__", "/"))
	if err != nil {
		return moving.Unreadable("a file app-state-sync-key-*.json has no id in its name")
	}
	indexes := make([]uint32, len(k.Fingerprint.Indexes))
	for i, n := range k.Fingerprint.Indexes {
		indexes[i] = uint32(n)
	}
	f.account.SyncKeys = append(f.account.SyncKeys, moving.SyncKey{
		ID: id, Data: k.Data, Timestamp: int64(k.Timestamp),
		Fingerprint: moving.Fingerprint{RawID: uint32(k.Fingerprint.RawID), CurrentIndex: uint32(k.Fingerprint.Current), DeviceIndexes: indexes}.Bytes(),
	})
	return nil
}

func (f *folder) version(name, rest string) error {
	var v struct {
		Version number `json:"version"`
		Hash    blob   `json:"hash"`
		Values  map[string]struct {
			Value blob `json:"valueMac"`
		} `json:"indexValueMap"`
	}
	if err := load(f.dir, name, &v); err != nil {
		return err
	}
	c := moving.Collection{Name: rest, Version: uint64(v.Version), Hash: v.Hash}
	if v.Version == 0 {
		return nil // it was never read
	}
	for index, value := range v.Values {
		mac, err := base64.StdEncoding.DecodeString(index)
		if err != nil {
			return moving.Unreadable("a file app-state-sync-version-*.json is not in the form that Baileys writes")
		}
		c.Macs = append(c.Macs, moving.Mac{Version: c.Version, Index: mac, Value: value.Value})
	}
	slices.SortFunc(c.Macs, func(a, b moving.Mac) int { return bytes.Compare(a.Index, b.Index) })
	f.account.Collections = append(f.account.Collections, c)
	return nil
}

// pair reads both files of a pair: number to LID, and LID_reverse to number.
func (f *folder) pair(name, rest string) error {
	var other string
	if err := load(f.dir, name, &other); err != nil {
		return err
	}
	if lid, reverse := strings.CutSuffix(rest, "_reverse"); reverse {
		rest, other = other, lid
	}
	f.pairs[rest] = other
	return nil
}

func (f *folder) token(name, rest string) error {
	if strings.HasPrefix(rest, "_") {
		return nil // the list of all
	}
	var t struct {
		Token     blob   `json:"token"`
		Timestamp number `json:"timestamp"`
	}
	if err := load(f.dir, name, &t); err != nil {
		return err
	}
	if len(t.Token) == 0 {
		f.report.Lose("privacyTokens", 1, "without a token")
		return nil
	}
	f.account.Tokens = append(f.account.Tokens, moving.Token{JID: strings.ReplaceAll(rest, "__", "/"), Token: t.Token, Timestamp: int64(t.Timestamp)})
	return nil
}

func (f *folder) finish() *moving.Account {
	for to, key := range f.identities {
		f.account.Identities = append(f.account.Identities, moving.Identity{Address: to, Key: key})
	}
	slices.SortFunc(f.account.Identities, func(a, b moving.Identity) int { return strings.Compare(a.Address, b.Address) })
	seen := map[string]bool{}
	for pn, lid := range f.pairs {
		if seen[lid] {
			f.report.Lose("lidPairs", 1, "two phone numbers with the same hidden id")
			continue
		}
		seen[lid] = true
		f.account.Pairs = append(f.account.Pairs, moving.Pair{LID: lid, PN: pn})
	}
	slices.SortFunc(f.account.Pairs, func(a, b moving.Pair) int { return strings.Compare(a.PN, b.PN) })
	f.report.Lose("contacts", 0, "the folder holds none; names come with new messages and with the app state")
	f.report.Lose("messageSecrets", 0, "the folder holds none: votes on polls of before cannot be read")
	return f.account
}
