package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/coder/websocket"
	"go.mau.fi/whatsmeow/binary/token"
)

// maxFrame is the largest frame the three-byte length can announce.
const maxFrame = 1<<24 - 1

// prologue opens every client stream: magic, protocol version, dictionary
// version. It goes into the handshake hash.
var prologue = []byte{'W', 'A', 6, token.DictVersion}

// routing is the marker of the optional prefix in which a client returns the
// edge routing information of an earlier connection.
var routing = []byte{'E', 'D', 0, 1}

// stream cuts the client's byte stream, which arrives in websocket messages of
// any size, into frames.
type stream struct {
	socket  *websocket.Conn
	buffer  []byte
	started bool
}

// frame returns the next whole frame; it stays valid until the next call.
func (s *stream) frame(ctx context.Context) ([]byte, error) {
	if !s.started {
		if err := s.start(ctx); err != nil {
			return nil, err
		}
		s.started = true
	}
	header, err := s.take(ctx, 3)
	if err != nil {
		return nil, err
	}
	return s.take(ctx, int(header[0])<<16|int(header[1])<<8|int(header[2]))
}

// start consumes the prologue and, before it, a routing prefix. The prefix is
// not part of the handshake hash.
func (s *stream) start(ctx context.Context) error {
	head, err := s.take(ctx, 4)
	if err != nil {
		return err
	}
	if bytes.Equal(head, routing) {
		length, err := s.take(ctx, 3)
		if err != nil {
			return err
		}
		if _, err = s.take(ctx, int(length[0])<<16|int(length[1])<<8|int(length[2])); err != nil {
			return err
		}
		if head, err = s.take(ctx, 4); err != nil {
			return err
		}
	}
	if !bytes.Equal(head, prologue) {
		return fmt.Errorf("read prologue: unexpected bytes %x", head)
	}
	return nil
}

func (s *stream) take(ctx context.Context, n int) ([]byte, error) {
	for len(s.buffer) < n {
		kind, message, err := s.socket.Read(ctx)
		if err != nil {
			return nil, fmt.Errorf("read websocket: %w", err)
		}
		if kind != websocket.MessageBinary {
			return nil, errors.New("read websocket: text message")
		}
		if len(s.buffer) == 0 {
			s.buffer = message
		} else {
			s.buffer = append(s.buffer, message...)
		}
	}
	taken := s.buffer[:n:n]
	s.buffer = s.buffer[n:]
	return taken, nil
}

func appendFrame(to, body []byte) ([]byte, error) {
	if len(body) > maxFrame {
		return nil, fmt.Errorf("frame of %d bytes: %w", len(body), io.ErrShortBuffer)
	}
	to = append(to, byte(len(body)>>16), byte(len(body)>>8), byte(len(body)))
	return append(to, body...), nil
}
