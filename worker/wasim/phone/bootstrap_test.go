package phone

import (
	"bytes"
	"compress/zlib"
	"io"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim/media"
)

// history fetches and decodes what a notification names.
func (c *companion) history(t *testing.T, n *waE2E.HistorySyncNotification) *waHistorySync.HistorySync {
	t.Helper()
	data := n.GetInitialHistBootstrapInlinePayload()
	if data == nil {
		body, err := c.r.host.Get(n.GetDirectPath())
		if err != nil {
			t.Fatal(err)
		}
		if data, err = media.Decrypt(media.History, n.GetMediaKey(), body); err != nil {
			t.Fatal(err)
		}
		if uint64(len(data)) != n.GetFileLength() {
			t.Fatalf("%d bytes announced, %d found", n.GetFileLength(), len(data))
		}
	}
	reader, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	var history waHistorySync.HistorySync
	if err := proto.Unmarshal(raw, &history); err != nil {
		t.Fatal(err)
	}
	return &history
}

// bootstrapped links a companion to an account with a history and reads the bootstrap.
func bootstrapped(t *testing.T) (r *router, alice, bob *Phone, c *companion, initial, names *waHistorySync.HistorySync) {
	r = newRouter()
	bob = r.phone(t, 2, "Bob", History{})
	group := types.NewJID("120363000000000001", types.GroupServer)
	day := time.Unix(1_700_000_000, 0)
	alice = r.phone(t, 1, "Alice", History{
		Contacts: []Contact{{PN: bob.PN(), FullName: "Bob Builder", PushName: "Bobby"}},
		Conversations: []Conversation{
			{Chat: bob.PN(), Name: "Bob Builder", Unread: 2, Pinned: true, Messages: []HistoryMessage{
				{ID: "H1", FromMe: true, Text: "first", Time: day},
				{ID: "H3", Text: "third", Name: "Bobby", Time: day.Add(2 * time.Hour)},
				{ID: "H2", Text: "second", Name: "Bobby", Time: day.Add(time.Hour)},
			}},
			{Chat: group, Name: "The group", Archived: true, Messages: []HistoryMessage{
				{ID: "G1", Author: bob.LID(), Text: "in the group", Time: day},
			}},
		},
	})
	r.groups[group] = []types.JID{alice.LID(), bob.LID()}
	c = r.link(alice, 1)
	alice.CompanionOnline(c.jid, true)

	node, message := c.message(t)
	keys := message.GetProtocolMessage().GetAppStateSyncKeyShare().GetKeys()
	if attr(node, "category") != "peer" || attrJID(node, "from") != alice.PN() || len(keys) != 1 ||
		len(keys[0].GetKeyID().GetKeyID()) != 6 || len(keys[0].GetKeyData().GetKeyData()) != 32 {
		t.Fatalf("first peer message is %v %v", node.Attrs, message)
	}
	_, message = c.message(t)
	n := message.GetProtocolMessage().GetHistorySyncNotification()
	if n.GetSyncType() != waE2E.HistorySyncType_INITIAL_BOOTSTRAP || n.GetDirectPath() == "" {
		t.Fatalf("second peer message is %v", message)
	}
	initial = c.history(t, n)
	_, message = c.message(t)
	n = message.GetProtocolMessage().GetHistorySyncNotification()
	if n.GetSyncType() != waE2E.HistorySyncType_PUSH_NAME || n.GetInitialHistBootstrapInlinePayload() == nil {
		t.Fatalf("third peer message is %v", message)
	}
	return r, alice, bob, c, initial, c.history(t, n)
}

func TestBootstrapHandsOverHistory(t *testing.T) {
	_, alice, bob, _, initial, names := bootstrapped(t)
	if initial.GetSyncType() != waHistorySync.HistorySync_INITIAL_BOOTSTRAP || len(initial.GetConversations()) != 2 {
		t.Fatalf("history is %v", initial)
	}
	chat := initial.GetConversations()[0]
	if chat.GetID() != bob.PN().String() || chat.GetName() != "Bob Builder" || chat.GetUnreadCount() != 2 ||
		chat.GetPinned() == 0 ||
		chat.GetLidJID() != bob.LID().String() || chat.GetConversationTimestamp() != 1_700_007_200 {
		t.Fatalf("conversation is %v", chat)
	}
	var ids []string
	for _, m := range chat.GetMessages() {
		ids = append(ids, m.GetMessage().GetKey().GetID())
	}
	if len(ids) != 3 || ids[0] != "H3" || ids[2] != "H1" {
		t.Fatalf("messages are %v", ids)
	}
	if first := chat.GetMessages()[2].GetMessage(); !first.GetKey().GetFromMe() ||
		first.GetMessage().GetConversation() != "first" || first.GetMessageTimestamp() != 1_700_000_000 {
		t.Fatalf("own message is %v", first)
	}
	group := initial.GetConversations()[1]
	if !group.GetArchived() || group.GetMessages()[0].GetMessage().GetParticipant() != bob.LID().String() ||
		len(group.GetParticipant()) != 2 {
		t.Fatalf("group is %v", group)
	}
	pairs := map[string]string{}
	for _, m := range initial.GetPhoneNumberToLidMappings() {
		pairs[m.GetPnJID()] = m.GetLidJID()
	}
	if pairs[bob.PN().String()] != bob.LID().String() || pairs[alice.PN().String()] != alice.LID().String() {
		t.Fatalf("mappings are %v", pairs)
	}
	got := map[string]string{}
	for _, n := range names.GetPushnames() {
		got[n.GetID()] = n.GetPushname()
	}
	if got[bob.PN().String()] != "Bobby" || got[alice.PN().String()] != "Alice" {
		t.Fatalf("push names are %v", got)
	}
}

func TestLaterCompanionGetsWhatCameSince(t *testing.T) {
	r, alice, bob, _, _, _ := bootstrapped(t)
	atAlice := inboxOf(alice)
	if _, err := bob.SendText(t.Context(), alice.PN(), "news"); err != nil {
		t.Fatal(err)
	}
	next(t, atAlice)
	if _, err := alice.SendText(t.Context(), bob.PN(), "answer"); err != nil {
		t.Fatal(err)
	}
	second := r.link(alice, 2)
	alice.CompanionOnline(second.jid, true)
	second.message(t)
	_, message := second.message(t)
	chat := second.history(t, message.GetProtocolMessage().GetHistorySyncNotification()).GetConversations()[0]
	texts := map[string]bool{}
	for _, m := range chat.GetMessages() {
		texts[m.GetMessage().GetMessage().GetConversation()] = m.GetMessage().GetKey().GetFromMe()
	}
	if fromMe, ok := texts["news"]; !ok || fromMe || !texts["answer"] || len(texts) != 5 {
		t.Fatalf("messages are %v", texts)
	}
}

func TestPhoneAnswersItsCompanion(t *testing.T) {
	_, alice, bob, c, _, _ := bootstrapped(t)
	atAlice := inboxOf(alice)
	id, err := bob.SendText(t.Context(), alice.PN(), "hello")
	if err != nil {
		t.Fatal(err)
	}
	next(t, atAlice)
	c.message(t) // the companion's own copy

	c.ask(t, alice, &waE2E.ProtocolMessage{
		Type:                   waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_REQUEST.Enum(),
		AppStateSyncKeyRequest: &waE2E.AppStateSyncKeyRequest{KeyIDs: []*waE2E.AppStateSyncKeyId{{KeyID: alice.state.keyID}}},
	})
	_, message := c.message(t)
	if len(message.GetProtocolMessage().GetAppStateSyncKeyShare().GetKeys()) != 1 {
		t.Fatalf("answer is %v", message)
	}

	request := c.ask(t, alice, peerMessage(&peerRequest{
		PeerDataOperationRequestType: waE2E.PeerDataOperationRequestType_PLACEHOLDER_MESSAGE_RESEND.Enum(),
		PlaceholderMessageResendRequest: []*waE2E.PeerDataOperationRequestMessage_PlaceholderMessageResendRequest{{
			MessageKey: &waCommon.MessageKey{RemoteJID: proto.String(bob.LID().String()), ID: proto.String(id)},
		}},
	}))
	_, message = c.message(t)
	response := message.GetProtocolMessage().GetPeerDataOperationRequestResponseMessage()
	var resent waWeb.WebMessageInfo
	raw := response.GetPeerDataOperationResult()[0].GetPlaceholderMessageResendResponse().GetWebMessageInfoBytes()
	if err := proto.Unmarshal(raw, &resent); err != nil || response.GetStanzaID() != request ||
		resent.GetMessage().GetConversation() != "hello" || resent.GetKey().GetID() != id || resent.GetPushName() != "Bob" {
		t.Fatalf("answer is %v, %v", response, err)
	}

	request = c.ask(t, alice, peerMessage(&peerRequest{
		PeerDataOperationRequestType: waE2E.PeerDataOperationRequestType_HISTORY_SYNC_ON_DEMAND.Enum(),
		HistorySyncOnDemandRequest: &waE2E.PeerDataOperationRequestMessage_HistorySyncOnDemandRequest{
			ChatJID: proto.String(bob.LID().String()), OldestMsgID: proto.String("H3"),
			OldestMsgTimestampMS: proto.Int64(1_700_007_200_000), OnDemandMsgCount: proto.Int32(1),
		},
	}))
	_, message = c.message(t)
	n := message.GetProtocolMessage().GetHistorySyncNotification()
	older := c.history(t, n)
	if n.GetPeerDataRequestSessionID() != request || n.GetSyncType() != waE2E.HistorySyncType_ON_DEMAND ||
		len(older.GetConversations()) != 1 || len(older.GetConversations()[0].GetMessages()) != 1 ||
		older.GetConversations()[0].GetMessages()[0].GetMessage().GetKey().GetID() != "H2" {
		t.Fatalf("older history is %v", older)
	}
}

func peerMessage(request *peerRequest) *waE2E.ProtocolMessage {
	return &waE2E.ProtocolMessage{
		Type:                            waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_MESSAGE.Enum(),
		PeerDataOperationRequestMessage: request,
	}
}

func TestPhoneRecoversACollection(t *testing.T) {
	_, alice, _, c, _, _ := bootstrapped(t)
	if _, err := alice.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	name := string(appstate.WAPatchRegularLow)
	c.ask(t, alice, peerMessage(&peerRequest{
		PeerDataOperationRequestType:        waE2E.PeerDataOperationRequestType_COMPANION_SYNCD_SNAPSHOT_FATAL_RECOVERY.Enum(),
		SyncdCollectionFatalRecoveryRequest: &waE2E.PeerDataOperationRequestMessage_SyncDCollectionFatalRecoveryRequest{CollectionName: proto.String(name)},
	}))
	_, message := c.message(t)
	result := message.GetProtocolMessage().GetPeerDataOperationRequestResponseMessage().GetPeerDataOperationResult()[0]
	recovery, err := appstate.ParseRecovery(result.GetSyncdSnapshotFatalRecoveryResponse())
	if err != nil {
		t.Fatal(err)
	}
	if recovery.GetVersion().GetVersion() != 1 ||
		!bytes.Equal(recovery.GetCollectionLthash(), alice.state.collections[name].hash[:]) ||
		len(recovery.GetMutationRecords()) != len(alice.state.collections[name].entries) {
		t.Fatalf("recovery is %v", recovery)
	}
}

func TestOwnCompanionsMessageIsBooked(t *testing.T) {
	_, alice, bob, c, _, _ := bootstrapped(t)
	atAlice := inboxOf(alice)
	plaintext, err := proto.Marshal(deviceSent(bob.LID(), &waE2E.Message{Conversation: proto.String("from the laptop")}))
	if err != nil {
		t.Fatal(err)
	}
	encType, ciphertext, err := c.signal.encrypt(t.Context(), alice.lid, pad(plaintext), nil)
	if err != nil {
		t.Fatal(err)
	}
	alice.Receive(waBinary.Node{
		Tag:     "message",
		Attrs:   waBinary.Attrs{"id": "OWN1", "type": "text", "from": c.jid, "recipient": bob.LID(), "t": unix(time.Now())},
		Content: []waBinary.Node{{Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": encType}, Content: ciphertext}},
	})
	if got := next(t, atAlice); !got.Own || got.Chat != bob.LID() || got.Text != "from the laptop" ||
		got.Sender != c.jid {
		t.Fatalf("got %+v", got)
	}
	for {
		if node := next(t, c.nodes); node.Tag == "receipt" {
			if attr(node, "type") != "sender" {
				t.Fatalf("answered by %v", node.Attrs)
			}
			return
		}
	}
}

func TestUndecryptableBootstrapIsSentAgain(t *testing.T) {
	r, alice, _, c, _, _ := bootstrapped(t)
	if _, err := alice.sendPeer(t.Context(), c.jid, alice.keyShare(nil)); err != nil {
		t.Fatal(err)
	}
	node := next(t, c.nodes) // lost by the companion
	r.Send(c.jid, waBinary.Node{Tag: "receipt", Attrs: waBinary.Attrs{"id": attr(node, "id"), "type": "retry", "to": alice.lid, "category": "peer"}, Content: []waBinary.Node{
		{Tag: "retry", Attrs: waBinary.Attrs{"count": "1", "id": attr(node, "id"), "t": attr(node, "t"), "v": "1"}},
	}})
	again, message := c.message(t)
	enc := again.GetChildByTag("enc")
	if attr(again, "id") != attr(node, "id") || attr(enc, "count") != "1" || attr(enc, "type") != encPreKey ||
		message.GetProtocolMessage().GetAppStateSyncKeyShare() == nil {
		t.Fatalf("second try is %v %v", again.Attrs, message)
	}
}

func TestExpiredMediaIsUploadedAgain(t *testing.T) {
	r, alice, bob, c, _, _ := bootstrapped(t)
	atAlice := inboxOf(alice)
	id, err := bob.SendImage(t.Context(), alice.PN(), "image/png", []byte("pixels"), "")
	if err != nil {
		t.Fatal(err)
	}
	image := next(t, atAlice).Message.GetImageMessage()
	if !r.host.Expire(image.GetDirectPath()) {
		t.Fatal("image was not on the host")
	}
	rmr := waBinary.Node{Tag: "rmr", Attrs: waBinary.Attrs{"jid": bob.LID(), "from_me": "false"}}
	alice.Receive(waBinary.Node{Tag: "receipt", Attrs: waBinary.Attrs{"id": id, "type": "server-error", "from": c.jid, "t": unix(time.Now())}, Content: []waBinary.Node{rmr}})
	if err := alice.Wait(timeout(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.host.Get(image.GetDirectPath()); err != nil {
		t.Fatal(err)
	}
	answer := r.unrouted[len(r.unrouted)-1]
	sealed, iv := answer.GetChildByTag("encrypt", "enc_p"), answer.GetChildByTag("encrypt", "enc_iv")
	key := hkdfutil.SHA256(image.GetMediaKey(), nil, []byte("WhatsApp Media Retry Notification"), 32)
	plaintext, err := gcmutil.Decrypt(key, content(iv), content(sealed), []byte(id))
	if err != nil {
		t.Fatal(err)
	}
	var notification waMmsRetry.MediaRetryNotification
	if err := proto.Unmarshal(plaintext, &notification); err != nil ||
		notification.GetResult() != waMmsRetry.MediaRetryNotification_SUCCESS ||
		notification.GetDirectPath() != image.GetDirectPath() || attrJID(answer, "to") != c.jid {
		t.Fatalf("answer is %v, %v", &notification, err)
	}
}
