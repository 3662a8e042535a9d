package egress

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// Socket is the name of the manager's socket in the directory of all run directories.
const Socket = "egress.sock"

// MaxAddress bounds host:port in bytes: a name of 253 bytes, brackets or a zone, and a port.
const MaxAddress = 300

// Answer is the manager's one byte. After Connected the bytes of the connection
// follow; after every other the manager closes.
type Answer byte

// The answers of the manager.
const (
	Connected   Answer = 1 // the far end is reached
	Internal    Answer = 2 // netguard refused the address
	Unreachable Answer = 3 // no such name, nobody listens, or no answer in time
	Busy        Answer = 4 // too many at a time, of this worker or of all; worth a repetition
	Malformed   Answer = 5 // not host:port
)

// ErrMalformed says that a request is not a short host:port with a port from 1 to 65535.
var ErrMalformed = errors.New("not an address of the form host:port")

// Check says whether address is one that a manager would look at. Its error is ErrMalformed.
func Check(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || len(address) > MaxAddress || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return ErrMalformed
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return ErrMalformed
	}
	return nil
}

// WriteRequest asks for a connection to address.
func WriteRequest(w io.Writer, address string) error {
	if err := Check(address); err != nil {
		return err
	}
	// One write, so that a reader mostly has it whole at once.
	if _, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(address))), address...)); err != nil {
		return fmt.Errorf("ask for a connection: %w", err)
	}
	return nil
}

// ReadRequest reads what WriteRequest wrote and not a byte more. ErrMalformed is
// in the chain when it came whole and is none; then the rest is left unread.
func ReadRequest(r io.Reader) (address string, err error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return "", fmt.Errorf("read request: %w", err)
	}
	n := binary.BigEndian.Uint16(size[:])
	if n == 0 || n > MaxAddress {
		return "", ErrMalformed
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", fmt.Errorf("read request: %w", err)
	}
	return string(text), Check(string(text))
}
