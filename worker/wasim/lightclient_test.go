package wasim_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"go.mau.fi/libsignal/ecc"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim"
)

// lightClient is a companion that speaks just enough to be paired, to stay
// connected and to acknowledge messages without decrypting them. It costs almost
// nothing, so that load tests measure the server.
type lightClient struct {
	account  *wasim.Account
	address  string
	noise    *keys.KeyPair
	identity *keys.KeyPair
	signed   *keys.PreKey
	secret   []byte
	received *atomic.Int64
	number   uint32
	socket   *socket.NoiseSocket
	restart  chan struct{}
	refs     chan string
}

func newLightClient(address string, account *wasim.Account, received *atomic.Int64) *lightClient {
	identity := keys.NewKeyPair()
	secret := make([]byte, 32)
	rand.Read(secret)
	return &lightClient{
		account: account, address: address, noise: keys.NewKeyPair(), identity: identity,
		signed: identity.CreateSignedPreKey(1), secret: secret, received: received,
		restart: make(chan struct{}, 1), refs: make(chan string, 1),
	}
}

// pair connects, has the account's phone scan the code and comes back active.
func (l *lightClient) pair(ctx context.Context) error {
	if err := l.connect(ctx, &waWa6.ClientPayload{DevicePairingData: &waWa6.ClientPayload_DevicePairingRegistrationData{
		ERegid:   binary.BigEndian.AppendUint32(nil, 7),
		EKeytype: []byte{ecc.DjbType}, EIdent: l.identity.Pub[:],
		ESkeyID: []byte{0, 0, 1}, ESkeyVal: l.signed.Pub[:], ESkeySig: l.signed.Signature[:],
	}}); err != nil {
		return err
	}
	paired := make(chan error, 1)
	go func() {
		code := base64.StdEncoding
		paired <- l.account.ScanQR(ctx, strings.Join([]string{
			<-l.refs, code.EncodeToString(l.noise.Pub[:]), code.EncodeToString(l.identity.Pub[:]), code.EncodeToString(l.secret), "1",
		}, ","))
	}()
	select {
	case <-l.restart:
	case err := <-paired:
		return fmt.Errorf("pair: %w", err)
	}
	l.socket.Stop(true, false)
	username := l.account.PN().UserInt()
	if err := l.connect(ctx, &waWa6.ClientPayload{Username: &username, Device: &l.number}); err != nil {
		return err
	}
	return <-paired
}

func (l *lightClient) connect(ctx context.Context, payload *waWa6.ClientPayload) error {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, l.address)
	}
	frames := socket.NewFrameSocket(waLog.Noop, &http.Client{Transport: &http.Transport{DialTLSContext: dial}})
	if err := frames.Connect(ctx); err != nil {
		return err
	}
	shake := socket.NewNoiseHandshake()
	shake.Start(socket.NoiseStartPattern, frames.Header)
	ephemeral := keys.NewKeyPair()
	shake.Authenticate(ephemeral.Pub[:])
	hello, err := proto.Marshal(&waWa6.HandshakeMessage{ClientHello: &waWa6.HandshakeMessage_ClientHello{Ephemeral: ephemeral.Pub[:]}})
	if err != nil {
		return err
	}
	if err = frames.SendFrame(hello); err != nil {
		return err
	}
	var answer waWa6.HandshakeMessage
	select {
	case raw := <-frames.Frames:
		if err = proto.Unmarshal(raw, &answer); err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	server := [32]byte(answer.GetServerHello().GetEphemeral())
	shake.Authenticate(server[:])
	if err = shake.MixSharedSecretIntoKey(*ephemeral.Priv, server); err != nil {
		return err
	}
	static, err := shake.Decrypt(answer.GetServerHello().GetStatic())
	if err != nil {
		return err
	}
	if err = shake.MixSharedSecretIntoKey(*ephemeral.Priv, [32]byte(static)); err != nil {
		return err
	}
	if _, err = shake.Decrypt(answer.GetServerHello().GetPayload()); err != nil {
		return err
	}
	own := shake.Encrypt(l.noise.Pub[:])
	if err = shake.MixSharedSecretIntoKey(*l.noise.Priv, server); err != nil {
		return err
	}
	raw, err := proto.Marshal(payload)
	if err != nil {
		return err
	}
	finish, err := proto.Marshal(&waWa6.HandshakeMessage{ClientFinish: &waWa6.HandshakeMessage_ClientFinish{Static: own, Payload: shake.Encrypt(raw)}})
	if err != nil {
		return err
	}
	if err = frames.SendFrame(finish); err != nil {
		return err
	}
	ready := make(chan struct{})
	var out *socket.NoiseSocket
	out, err = shake.Finish(ctx, frames, func(ctx context.Context, frame []byte) {
		<-ready
		l.handle(ctx, out, frame)
	}, func(context.Context, *socket.NoiseSocket, bool) {})
	l.socket = out
	close(ready)
	return err
}

func (l *lightClient) handle(ctx context.Context, out *socket.NoiseSocket, frame []byte) {
	unpacked, err := waBinary.Unpack(frame)
	if err != nil {
		return
	}
	node, err := waBinary.Unmarshal(unpacked)
	if err != nil {
		return
	}
	reply := func(tag string, attrs waBinary.Attrs, content ...waBinary.Node) {
		raw, err := waBinary.Marshal(waBinary.Node{Tag: tag, Attrs: attrs, Content: content})
		if err == nil {
			out.SendFrame(ctx, raw)
		}
	}
	switch node.Tag {
	case "iq":
		if node.Attrs["type"] != "set" {
			return
		}
		if refs, ok := node.GetOptionalChildByTag("pair-device"); ok {
			reply("iq", waBinary.Attrs{"type": "result", "id": node.Attrs["id"], "to": types.ServerJID})
			l.refs <- string(refs.GetChildren()[0].Content.([]byte))
			return
		}
		device := node.GetChildByTag("pair-success", "device")
		l.number = uint32(device.Attrs["jid"].(types.JID).Device)
		proof := node.GetChildByTag("pair-success", "device-identity")
		reply("iq", waBinary.Attrs{"type": "result", "id": node.Attrs["id"], "to": types.ServerJID}, waBinary.Node{
			Tag: "pair-device-sign", Content: []waBinary.Node{{Tag: "device-identity", Attrs: waBinary.Attrs{"key-index": "1"}, Content: l.sign(proof.Content.([]byte))}},
		})
	case "stream:error":
		select {
		case l.restart <- struct{}{}:
		default:
		}
	case "success":
		reply("iq", waBinary.Attrs{"type": "set", "xmlns": "encrypt", "id": "1", "to": types.ServerJID}, l.upload()...)
		reply("iq", waBinary.Attrs{"type": "set", "xmlns": "passive", "id": "2", "to": types.ServerJID}, waBinary.Node{Tag: "active"})
	case "message":
		l.received.Add(1)
		attrs := waBinary.Attrs{"id": node.Attrs["id"], "to": node.Attrs["from"]}
		if participant, ok := node.Attrs["participant"]; ok {
			attrs["participant"] = participant
		}
		reply("receipt", attrs)
	case "notification", "receipt":
		reply("ack", waBinary.Attrs{"class": node.Tag, "id": node.Attrs["id"], "to": node.Attrs["from"], "type": node.Attrs["type"]})
	}
}

func (l *lightClient) sign(container []byte) []byte {
	var wrapped waAdv.ADVSignedDeviceIdentityHMAC
	var identity waAdv.ADVSignedDeviceIdentity
	if proto.Unmarshal(container, &wrapped) != nil || proto.Unmarshal(wrapped.GetDetails(), &identity) != nil {
		return nil
	}
	message := append([]byte{6, 1}, identity.GetDetails()...)
	message = append(append(message, l.identity.Pub[:]...), identity.GetAccountSignatureKey()...)
	signature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*l.identity.Priv), message)
	identity.DeviceSignature, identity.AccountSignatureKey = signature[:], nil
	signed, err := proto.Marshal(&identity)
	if err != nil {
		return nil
	}
	return signed
}

// upload makes as many one-time keys as whatsmeow's first upload has.
func (l *lightClient) upload() []waBinary.Node {
	list := make([]waBinary.Node, 812)
	for i := range list {
		value := make([]byte, 32)
		rand.Read(value)
		list[i] = waBinary.Node{Tag: "key", Content: []waBinary.Node{
			{Tag: "id", Content: binary.BigEndian.AppendUint32(nil, uint32(i+1))[1:]}, {Tag: "value", Content: value},
		}}
	}
	return []waBinary.Node{
		{Tag: "registration", Content: binary.BigEndian.AppendUint32(nil, 7)},
		{Tag: "type", Content: []byte{ecc.DjbType}},
		{Tag: "identity", Content: l.identity.Pub[:]},
		{Tag: "list", Content: list},
		{Tag: "skey", Content: []waBinary.Node{
			{Tag: "id", Content: []byte{0, 0, 1}}, {Tag: "value", Content: l.signed.Pub[:]}, {Tag: "signature", Content: l.signed.Signature[:]},
		}},
	}
}
