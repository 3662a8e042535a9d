package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"
)

// Responder answers handshakes with one Noise static key and one certificate
// chain. It is safe for concurrent use.
type Responder struct {
	static *keys.KeyPair
	chain  []byte
	serial atomic.Uint64
}

// NewResponder makes a responder whose chain is signed by root. The chain is
// valid from a day before now for ten years.
func NewResponder(root *Root) (*Responder, error) {
	static := keys.NewKeyPair()
	chain, err := root.chain(*static.Pub, time.Now())
	if err != nil {
		return nil, err
	}
	return &Responder{static: static, chain: chain}, nil
}

// Accept performs the handshake on a websocket and returns the connection with
// its writer already running. It owns the websocket from then on; on an error
// it has closed it. raw is the TCP connection below it, which faults need.
//
// Source of the order of steps: Noise_XX, seen from whatsmeow's handshake.go.
func (r *Responder) Accept(ctx context.Context, socket *websocket.Conn, raw net.Conn) (*Conn, error) {
	socket.SetReadLimit(maxFrame + 64)
	in := &stream{socket: socket}
	conn, err := r.handshake(ctx, socket, in)
	if err != nil {
		socket.CloseNow()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	conn.ID = r.serial.Add(1)
	conn.raw = raw
	go conn.write()
	return conn, nil
}

// BreakHandshake waits for the client's hello and answers it with a TCP reset.
func BreakHandshake(ctx context.Context, socket *websocket.Conn, raw net.Conn) {
	_, _, _ = socket.Read(ctx)
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	}
	_ = socket.CloseNow()
}

func (r *Responder) handshake(ctx context.Context, socket *websocket.Conn, in *stream) (*Conn, error) {
	frame, err := in.frame(ctx)
	if err != nil {
		return nil, err
	}
	var hello waWa6.HandshakeMessage
	if err = proto.Unmarshal(frame, &hello); err != nil {
		return nil, fmt.Errorf("parse client hello: %w", err)
	}
	clientEphemeral := hello.GetClientHello().GetEphemeral()
	if len(clientEphemeral) != 32 {
		return nil, errors.New("parse client hello: no ephemeral key")
	}

	state := newSymmetric(prologue)
	state.mixHash(clientEphemeral)
	ephemeral := keys.NewKeyPair()
	state.mixHash(ephemeral.Pub[:])
	if err = state.mixDH(ephemeral.Priv[:], clientEphemeral); err != nil {
		return nil, err
	}
	sealedStatic := state.seal(r.static.Pub[:])
	if err = state.mixDH(r.static.Priv[:], clientEphemeral); err != nil {
		return nil, err
	}
	sealedChain := state.seal(r.chain)
	answer, err := proto.Marshal(&waWa6.HandshakeMessage{ServerHello: &waWa6.HandshakeMessage_ServerHello{
		Ephemeral: ephemeral.Pub[:],
		Static:    sealedStatic,
		Payload:   sealedChain,
	}})
	if err != nil {
		return nil, fmt.Errorf("marshal server hello: %w", err)
	}
	message, err := appendFrame(nil, answer)
	if err != nil {
		return nil, err
	}
	if err = socket.Write(ctx, websocket.MessageBinary, message); err != nil {
		return nil, fmt.Errorf("write server hello: %w", err)
	}

	if frame, err = in.frame(ctx); err != nil {
		return nil, err
	}
	var finish waWa6.HandshakeMessage
	if err = proto.Unmarshal(frame, &finish); err != nil {
		return nil, fmt.Errorf("parse client finish: %w", err)
	}
	clientStatic, err := state.open(finish.GetClientFinish().GetStatic())
	if err != nil {
		return nil, err
	}
	if len(clientStatic) != 32 {
		return nil, errors.New("parse client finish: bad static key")
	}
	if err = state.mixDH(ephemeral.Priv[:], clientStatic); err != nil {
		return nil, err
	}
	rawPayload, err := state.open(finish.GetClientFinish().GetPayload())
	if err != nil {
		return nil, err
	}
	payload := &waWa6.ClientPayload{}
	if err = proto.Unmarshal(rawPayload, payload); err != nil {
		return nil, fmt.Errorf("parse client payload: %w", err)
	}
	fromClient, toClient, err := state.split()
	if err != nil {
		return nil, err
	}
	return &Conn{
		Payload: payload,
		Static:  [32]byte(clientStatic),
		socket:  socket,
		in:      in,
		opener:  fromClient,
		sealer:  toClient,
		wake:    make(chan struct{}, 1),
		closed:  make(chan struct{}),
		written: make(chan struct{}),
	}, nil
}
