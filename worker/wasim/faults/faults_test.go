package faults_test

import (
	"slices"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"whatsapp-manager/worker/wasim/faults"
)

func TestTheFirstPlanOfAChainIsUsedUpFirst(t *testing.T) {
	var device, account faults.Faults
	account.RefuseLogin(401, 1)
	device.RefuseLogin(503, 1)
	device.TemporaryBan(102, time.Hour, 1)
	chain := faults.Chain{&device, &account}
	for _, want := range []faults.Refusal{
		{Reason: 503}, {Reason: 402, Ban: 102, Expire: time.Hour}, {Reason: 401},
	} {
		if got, planned := chain.TakeLogin(); !planned || got != want {
			t.Errorf("got %+v, %v, want %+v", got, planned, want)
		}
	}
	if got, planned := chain.TakeLogin(); planned {
		t.Errorf("%+v was not planned", got)
	}
}

func TestEachFaultIsPlayedAsOftenAsPlanned(t *testing.T) {
	var f faults.Faults
	chain := faults.Chain{&f}
	for name, fault := range map[string]struct {
		plan func(n int)
		take func() bool
	}{
		"message error": {func(n int) { f.MessageError(463, n) }, func() bool { return chain.TakeMessage() == 463 }},
		"request error": {func(n int) { f.IQError("w:g2", 429, n) }, func() bool { return chain.TakeIQ("w:g2") == 429 }},
		"any request":   {func(n int) { f.IQError("", 500, n) }, func() bool { return chain.TakeIQ("usync") == 500 }},
		"lost ack":      {f.LoseAcks, chain.TakeAckLoss},
		"lost race":     {f.LoseRaces, chain.TakeLostRace},
		"corruption":    {f.CorruptMessages, chain.TakeCorruption},
	} {
		t.Run(name, func(t *testing.T) {
			if fault.take() {
				t.Error("played although nothing was planned")
			}
			fault.plan(2)
			if first, second := fault.take(), fault.take(); !first || !second {
				t.Error("not played twice")
			}
			if fault.take() {
				t.Error("played a third time")
			}
			fault.plan(1)
			f.Heal()
			if fault.take() {
				t.Error("played after Heal")
			}
		})
	}
	f.IQError("w:g2", 429, 1)
	if chain.TakeIQ("usync") != 0 {
		t.Error("a request of another namespace was refused")
	}
}

func TestDials(t *testing.T) {
	var d faults.Dials
	d.RefuseUpgrade(503, 1)
	d.StallUpgrade(1)
	for _, want := range []int{503, faults.Stalled, 0} {
		if got := d.TakeUpgrade(); got != want {
			t.Errorf("got status %d, want %d", got, want)
		}
	}
	d.DropHandshakes(1)
	if !d.TakeHandshake() || d.TakeHandshake() {
		t.Error("not exactly one handshake was broken")
	}
	d.RefuseUpgrade(503, 1)
	d.DropHandshakes(1)
	d.Clear()
	if d.TakeUpgrade() != 0 || d.TakeHandshake() {
		t.Error("played after Clear")
	}
}

func TestCorruptLeavesTheOriginalAlone(t *testing.T) {
	enc := waBinary.Node{Tag: "enc", Content: []byte{1, 2, 3}}
	other := waBinary.Node{Tag: "meta", Content: []byte{1, 2, 3}}
	node := waBinary.Node{Tag: "message", Content: []waBinary.Node{
		enc, other, {Tag: "participants", Content: []waBinary.Node{enc}},
	}}
	corrupt := faults.Corrupt(node)
	broken := corrupt.GetChildren()
	nested := broken[2].GetChildren()
	for name, raw := range map[string]any{"direct": broken[0].Content, "nested": nested[0].Content} {
		t.Run(name, func(t *testing.T) {
			if slices.Equal(raw.([]byte), []byte{1, 2, 3}) {
				t.Error("the ciphertext is whole")
			}
		})
	}
	if !slices.Equal(broken[1].Content.([]byte), []byte{1, 2, 3}) || !slices.Equal(enc.Content.([]byte), []byte{1, 2, 3}) {
		t.Error("something else was changed")
	}
}
