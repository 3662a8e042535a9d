package main

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim/phone"
)

// takeMessages gives the attacker's account the customer's number, in every way
// that a tenant has, and looks where the victim's message arrives.
func takeMessages(ctx context.Context, l *attackLab) ([]row, error) {
	call := func(key, method string, params ...any) (stack.Answer, error) {
		return l.client("").Do(ctx, http.MethodPost, "/api/proxy/"+key+"/"+method, map[string]any{"params": params})
	}
	refused := func(tried string, a stack.Answer, err error) row {
		return held(tried, "4xx or 501", err == nil && (a.Status/100 == 4 || a.Status == http.StatusNotImplemented),
			"%d %s", a.Status, code(a))
	}
	lid, pn := l.attacker.account.LID().String(), l.customer.PN().String()
	var rows []row
	a, err := call(l.attacker.key, "whatsmeow.StoreLIDPNMapping", lid, pn)
	rows = append(rows, refused("whatsmeow.StoreLIDPNMapping(own lid, customer)", a, err))

	payload, err := history(lid, pn)
	if err != nil {
		return rows, err
	}
	a, err = call(l.attacker.key, "whatsmeow.DownloadHistorySync",
		map[string]any{"syncType": "RECENT", "initialHistBootstrapInlinePayload": payload}, true)
	rows = append(rows, refused("whatsmeow.DownloadHistorySync with the pair inside", a, err))

	text := fmt.Sprint("for the customer only ", time.Now().UnixNano())
	if err := l.client("").Call(ctx, l.victim.key, "sendMessage", nil, l.customer.Number()+"@c.us", text); err != nil {
		return rows, err
	}
	arrived := waitForText(ctx, l.customer.Phone(), text)
	rows = append(rows, held("the victim writes to the customer", "it arrives at the customer",
		arrived, "arrived: %t", arrived))
	took := slices.ContainsFunc(l.attacker.account.Phone().Received(),
		func(r phone.Received) bool { return r.Text == text })
	rows = append(rows, held("the attacker's phone looks for it", "it is not there", !took, "there: %t", took))
	// Nor does one account tell what another has learnt.
	a, err = call(l.victim.key, "getContactLidAndPhone", []string{l.customer.LID().String()})
	if err != nil {
		return rows, err
	}
	known := strings.Contains(string(a.Body), l.customer.Number())
	a, err = call(l.attacker.key, "getContactLidAndPhone", []string{l.customer.LID().String()})
	tells := strings.Contains(string(a.Body), l.customer.Number())
	rows = append(rows, held("getContactLidAndPhone of the victim's customer", "the number is not told",
		err == nil && known && !tells, "told to the victim: %t, to the attacker: %t", known, tells))
	return rows, err
}

// history is an inline history payload that pairs lid and pn.
func history(lid, pn string) (string, error) {
	raw, err := proto.Marshal(&waHistorySync.HistorySync{
		SyncType:                 waHistorySync.HistorySync_RECENT.Enum(),
		PhoneNumberToLidMappings: []*waHistorySync.PhoneNumberToLIDMapping{{PnJID: &pn, LidJID: &lid}},
	})
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	if _, err := w.Write(raw); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(packed.Bytes()), nil
}

func waitForText(ctx context.Context, p *phone.Phone, text string) bool {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	heard := make(chan struct{}, 1)
	stop := p.Subscribe(func(r phone.Received) {
		if r.Text == text {
			select {
			case heard <- struct{}{}:
			default:
			}
		}
	})
	defer stop()
	if slices.ContainsFunc(p.Received(), func(r phone.Received) bool { return r.Text == text }) {
		return true
	}
	select {
	case <-heard:
		return true
	case <-ctx.Done():
		return false
	}
}

// lowMethods are whatsmeow's that go below what the product keeps books of.
func lowMethods(ctx context.Context, l *attackLab) ([]row, error) {
	var rows []row
	for _, m := range []struct {
		name   string
		params string
	}{
		{"SendPeerMessage", `[{"protocolMessage":{"type":"APP_STATE_SYNC_KEY_REQUEST"}}]`},
		{"SendAppState", `[{"Type":"regular","Mutations":[{"Index":["a"],"Value":{}}]}]`},
		{"MarkNotDirty", `["account_sync","2026-01-02T03:04:05Z"]`},
		{"RegisterForPushNotifications", `[{"$type":"WebPushConfig","Endpoint":"https://example.org/"}]`},
		{"GetServerPushNotificationConfig", `[]`},
		{"FetchStickerPack", `["../../v/other"]`},
		{"FetchStickerPack", `["a?b#c"]`},
	} {
		a, err := l.client("").Do(ctx, http.MethodPost, "/api/proxy/"+l.attacker.key+"/whatsmeow."+m.name,
			json.RawMessage(`{"params":`+m.params+`}`))
		rows = append(rows, held("whatsmeow."+m.name+m.params, "4xx or 501",
			err == nil && (a.Status/100 == 4 || a.Status == http.StatusNotImplemented), "%d %s", a.Status, code(a)))
	}
	return rows, nil
}
