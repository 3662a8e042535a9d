package wire_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.mau.fi/libsignal/ecc"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCert"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim/wire"
)

type rawKey struct{}

// listen serves one websocket and returns its URL and where the connection, or
// the error of its handshake, will come.
func listen(t *testing.T, root *wire.Root) (url string, conns <-chan *wire.Conn, errs <-chan error) {
	t.Helper()
	responder, err := wire.NewResponder(root)
	if err != nil {
		t.Fatal(err)
	}
	accepted, failed, done := make(chan *wire.Conn, 1), make(chan error, 1), make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			failed <- err
			return
		}
		raw, _ := r.Context().Value(rawKey{}).(net.Conn)
		conn, err := responder.Accept(r.Context(), ws, raw)
		if err != nil {
			failed <- err
			return
		}
		accepted <- conn
		<-done
		conn.Reset()
		conn.Wait()
	}))
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, rawKey{}, c)
	}
	server.Start()
	t.Cleanup(func() {
		close(done)
		server.Close()
	})
	return "ws" + strings.TrimPrefix(server.URL, "http"), accepted, failed
}

func frame(body []byte) []byte {
	return append([]byte{byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

// TestHandshakeBehindRoutingPrefix begins the stream as a client does that was
// given routing information, in pieces of a few bytes, and checks the chain.
func TestHandshakeBehindRoutingPrefix(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	root := wire.NewRoot()
	url, conns, errs := listen(t, root)
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()

	shake := socket.NewNoiseHandshake()
	shake.Start(socket.NoiseStartPattern, socket.WAConnHeader)
	ephemeral, static := keys.NewKeyPair(), keys.NewKeyPair()
	shake.Authenticate(ephemeral.Pub[:])
	hello, err := proto.Marshal(&waWa6.HandshakeMessage{
		ClientHello: &waWa6.HandshakeMessage_ClientHello{Ephemeral: ephemeral.Pub[:]},
	})
	if err != nil {
		t.Fatal(err)
	}
	stream := append([]byte{'E', 'D', 0, 1, 0, 0, 3, 'x', 'y', 'z'}, socket.WAConnHeader...)
	stream = append(stream, frame(hello)...)
	for part := range slices.Chunk(stream, 5) {
		if err = ws.Write(ctx, websocket.MessageBinary, part); err != nil {
			t.Fatal(err)
		}
	}
	_, raw, err := ws.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var answer waWa6.HandshakeMessage
	if err = proto.Unmarshal(raw[3:], &answer); err != nil {
		t.Fatal(err)
	}
	server := [32]byte(answer.GetServerHello().GetEphemeral())
	shake.Authenticate(server[:])
	must(t, shake.MixSharedSecretIntoKey(*ephemeral.Priv, server))
	serverStatic, err := shake.Decrypt(answer.GetServerHello().GetStatic())
	must(t, err)
	must(t, shake.MixSharedSecretIntoKey(*ephemeral.Priv, [32]byte(serverStatic)))
	rawChain, err := shake.Decrypt(answer.GetServerHello().GetPayload())
	must(t, err)
	checkChain(t, root, rawChain, serverStatic)

	sealedStatic := shake.Encrypt(static.Pub[:])
	must(t, shake.MixSharedSecretIntoKey(*static.Priv, server))
	payload, err := proto.Marshal(&waWa6.ClientPayload{Username: proto.Uint64(15550000001)})
	must(t, err)
	finish, err := proto.Marshal(&waWa6.HandshakeMessage{ClientFinish: &waWa6.HandshakeMessage_ClientFinish{
		Static: sealedStatic, Payload: shake.Encrypt(payload),
	}})
	must(t, err)
	must(t, ws.Write(ctx, websocket.MessageBinary, frame(finish)))
	select {
	case conn := <-conns:
		if conn.Static != *static.Pub || conn.Payload.GetUsername() != 15550000001 || conn.ID != 1 {
			t.Errorf("connection %d of %d", conn.ID, conn.Payload.GetUsername())
		}
		// Stanzas queued together may share a websocket message, but never a frame
		// two of them.
		conn.Send(waBinary.Node{Tag: "one"})
		conn.Send(waBinary.Node{Tag: "two"})
		conn.Finish()
	case err = <-errs:
		t.Fatal(err)
	case <-ctx.Done():
		t.Fatal("no connection")
	}
	var received []byte
	for {
		_, message, err := ws.Read(ctx)
		if err != nil {
			break
		}
		for rest := message; len(rest) > 0; {
			length := int(rest[0])<<16 | int(rest[1])<<8 | int(rest[2])
			if len(rest) < 3+length {
				t.Fatal("frame split over messages")
			}
			rest = rest[3+length:]
			received = append(received, 1)
		}
	}
	if len(received) != 2 {
		t.Errorf("%d frames", len(received))
	}
}

func TestForeignPrologueIsRefused(t *testing.T) {
	url, _, errs := listen(t, wire.NewRoot())
	ws, _, err := websocket.Dial(t.Context(), url, nil)
	must(t, err)
	defer ws.CloseNow()
	must(t, ws.Write(t.Context(), websocket.MessageBinary, []byte("GET / HTTP/1.1")))
	if err = <-errs; err == nil {
		t.Error("handshake succeeded")
	}
}

func TestRootSurvivesItsText(t *testing.T) {
	root := wire.NewRoot()
	again, err := wire.ParseRoot(root.PrivateHex())
	must(t, err)
	if again.PublicHex() != root.PublicHex() {
		t.Error("another public key")
	}
	for _, bad := range []string{"", "zz", "00ff"} {
		t.Run("no root: "+bad, func(t *testing.T) {
			if _, err := wire.ParseRoot(bad); err == nil {
				t.Error("was taken for a root")
			}
		})
	}
}

func checkChain(t *testing.T, root *wire.Root, raw, static []byte) {
	t.Helper()
	var chain waCert.CertChain
	must(t, proto.Unmarshal(raw, &chain))
	var intermediate, leaf waCert.CertChain_NoiseCertificate_Details
	must(t, proto.Unmarshal(chain.GetIntermediate().GetDetails(), &intermediate))
	must(t, proto.Unmarshal(chain.GetLeaf().GetDetails(), &leaf))
	signedBy := func(key [32]byte, certificate *waCert.CertChain_NoiseCertificate) bool {
		signature := [64]byte(certificate.GetSignature())
		return ecc.VerifySignature(ecc.NewDjbECPublicKey(key), certificate.GetDetails(), signature)
	}
	if !signedBy(root.Public(), chain.GetIntermediate()) {
		t.Error("intermediate is not signed by the root")
	}
	if !signedBy([32]byte(intermediate.GetKey()), chain.GetLeaf()) {
		t.Error("leaf is not signed by the intermediate")
	}
	if leaf.GetIssuerSerial() != intermediate.GetSerial() || intermediate.GetIssuerSerial() != 0 ||
		!bytes.Equal(leaf.GetKey(), static) {
		t.Error("chain does not fit together")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
