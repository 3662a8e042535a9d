package wwebjs

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/appstate/lthash"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"go.mau.fi/whatsmeow/util/cbcutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
)

// addressbookRows save contacts and take them away.
var addressbookRows = []relay.Row{
	{
		Name: "saveOrEditAddressbookContact", Result: "void", Need: relay.NeedOnline,
		Params: []param.Param{
			{Name: "phoneNumber", Kind: param.Phone},
			{Name: "firstName", Kind: param.Name},
			{Name: "lastName", Kind: param.Name},
			{
				Name: "syncToAddressbook", Kind: param.Bool, Optional: true,
				Doc: "save it in the phone's own address book, too (false)",
			},
		},
		Example: `["4915123456789","Ada","Lovelace"]`,
		Doc:     "Saves a contact, or changes its name.",
		Do:      saveContact,
	},
	{
		Name: "deleteAddressbookContact", Result: "void", Need: relay.NeedOnline,
		Params: []param.Param{{Name: "phoneNumber", Kind: param.Phone}}, Example: `["4915123456789"]`,
		Doc: "Removes a saved contact from the account's address book.",
		Do:  forgetContact,
	},
}

func forgetContact(ctx context.Context, c *relay.Call) (any, error) {
	jid := relay.Arg[types.JID](c, 0)
	err := removeSetting(ctx, c, appstate.WAPatchCriticalUnblockLow, 2, appstate.IndexContact, jid.String())
	if err != nil {
		return nil, err
	}
	// whatsmeow does not pass removals on, so its own address book is told, too.
	if err := c.Client.Store.Contacts.PutContactName(ctx, jid, "", ""); err != nil {
		return nil, fmt.Errorf("forget contact: %w", err)
	}
	return nil, c.Apply(ctx, &events.Contact{JID: jid, Timestamp: time.Now(), Action: &waSyncAction.ContactAction{}})
}

func saveContact(ctx context.Context, c *relay.Call) (any, error) {
	jid := relay.Arg[types.JID](c, 0)
	first, last := strings.TrimSpace(relay.Arg[string](c, 1)), strings.TrimSpace(relay.Arg[string](c, 2))
	full := strings.TrimSpace(first + " " + last)
	if full == "" {
		return nil, param.Bad("params[1]", "expected a first or a last name")
	}
	action := &waSyncAction.ContactAction{
		FullName: &full, FirstName: &first, SaveOnPrimaryAddressbook: proto.Bool(relay.Arg[bool](c, 3)),
	}
	if lid, err := c.HiddenID(ctx, jid); err != nil {
		return nil, err
	} else if lid.Server == types.HiddenUserServer {
		action.LidJID = proto.String(lid.String())
	}
	// The index and the version are those of published clients.
	return nil, c.Change(ctx, appstate.PatchInfo{Type: appstate.WAPatchCriticalUnblockLow, Mutations: []appstate.MutationInfo{{
		Index: []string{appstate.IndexContact, jid.String()}, Version: 2,
		Value: &waSyncAction.SyncActionValue{ContactAction: action},
	}}}, &events.Contact{JID: jid, Timestamp: time.Now(), Action: action})
}

// removeTries bounds how often a removal is tried again because another device
// changed the collection at the same time.
const removeTries = 3

// removeSetting takes one entry out of an app-state collection. whatsmeow can only
// set entries; formats and keys are those of its package appstate.
func removeSetting(
	ctx context.Context, c *relay.Call, name appstate.WAPatchName, version int32, index ...string,
) error {
	for range removeTries {
		if err := c.Client.FetchAppState(ctx, name, false, false); err != nil {
			return fmt.Errorf("fetch settings: %w", err)
		}
		patch, before, err := removal(ctx, c, name, version, index)
		if err != nil {
			return err
		}
		//lint:ignore SA1019 whatsmeow has no other way to send a patch of one's own
		answer, err := c.Client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{
			Namespace: "w:sync:app:state", Type: "set", To: types.ServerJID,
			Content: []waBinary.Node{{Tag: "sync", Content: []waBinary.Node{{
				Tag:     "collection",
				Attrs:   waBinary.Attrs{"name": string(name), "version": before, "return_snapshot": false},
				Content: []waBinary.Node{{Tag: "patch", Content: patch}},
			}}}},
		})
		if err != nil {
			return err
		}
		collection := answer.GetChildByTag("sync", "collection")
		if kind, _ := collection.Attrs["type"].(string); kind != "error" {
			return c.Client.FetchAppState(ctx, name, false, false)
		}
		refusal := collection.GetChildByTag("error")
		if code, _ := refusal.Attrs["code"].(string); code != "409" {
			return fault.New(fault.Refused, relay.Op, "WhatsApp refused the change: %s", code)
		}
	}
	return fault.New(fault.Unavailable, relay.Op, "other devices change the same settings; try again")
}

// removal encodes the patch, which builds on the version of the collection before it.
func removal(
	ctx context.Context, c *relay.Call, name appstate.WAPatchName, version int32, index []string,
) (patch []byte, before uint64, err error) {
	before, sum, err := c.Client.Store.AppState.GetAppStateVersion(ctx, string(name))
	if err != nil {
		return nil, 0, fmt.Errorf("read version of settings: %w", err)
	}
	keyID, err := c.Client.Store.AppStateKeys.GetLatestAppStateSyncKeyID(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read key of settings: %w", err)
	}
	key, err := c.Client.Store.AppStateKeys.GetAppStateSyncKey(ctx, keyID)
	if err != nil {
		return nil, 0, fmt.Errorf("read key of settings: %w", err)
	}
	if key == nil {
		return nil, 0, fault.New(fault.Unavailable, relay.Op, "the phone has not shared the keys of the settings yet")
	}
	keys := hkdfutil.SHA256(key.Data, nil, []byte("WhatsApp Mutation Keys"), 160)
	indexKey, valueKey, valueMACKey := keys[:32], keys[32:64], keys[64:96]
	snapshotKey, patchKey := keys[96:128], keys[128:160]

	indexText, err := json.Marshal(index)
	if err != nil {
		return nil, 0, err
	}
	indexMAC := sumOf(sha256.New, indexKey, indexText)
	old, err := c.Client.Store.AppState.GetAppStateMutationMAC(ctx, string(name), indexMAC)
	if err != nil {
		return nil, 0, fmt.Errorf("find setting: %w", err)
	}
	if old == nil {
		return nil, 0, fault.New(fault.NotFound, relay.Op, "there is no such contact in the address book")
	}
	content, err := proto.Marshal(&waSyncAction.SyncActionData{
		Index: indexText, Padding: []byte{}, Version: &version,
		Value: &waSyncAction.SyncActionValue{Timestamp: proto.Int64(time.Now().UnixMilli())},
	})
	if err != nil {
		return nil, 0, err
	}
	sealed, err := cbcutil.Encrypt(valueKey, nil, content)
	if err != nil {
		return nil, 0, fmt.Errorf("encrypt setting: %w", err)
	}
	operation := []byte{byte(waServerSync.SyncdMutation_REMOVE) + 1}
	valueMAC := sumOf(sha512.New, valueMACKey, operation, keyID, sealed, number64(uint64(len(keyID)+1)))[:32]

	lthash.WAPatchIntegrity.SubtractThenAddInPlace(sum[:], [][]byte{old}, nil)
	next := before + 1
	out := &waServerSync.SyncdPatch{
		KeyID:       &waServerSync.KeyId{ID: keyID},
		SnapshotMAC: sumOf(sha256.New, snapshotKey, sum[:], number64(next), []byte(name)),
		Mutations: []*waServerSync.SyncdMutation{{
			Operation: waServerSync.SyncdMutation_REMOVE.Enum(),
			Record: &waServerSync.SyncdRecord{
				Index: &waServerSync.SyncdIndex{Blob: indexMAC},
				Value: &waServerSync.SyncdValue{Blob: append(sealed, valueMAC...)},
				KeyID: &waServerSync.KeyId{ID: keyID},
			},
		}},
	}
	out.PatchMAC = sumOf(sha256.New, patchKey, out.SnapshotMAC, valueMAC, number64(next), []byte(name))
	patch, err = proto.Marshal(out)
	return patch, before, err
}

func sumOf(alg func() hash.Hash, key []byte, parts ...[]byte) []byte {
	h := hmac.New(alg, key)
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

func number64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
