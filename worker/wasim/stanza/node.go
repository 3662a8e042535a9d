package stanza

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// First is the node's first child; its zero value when there is none.
func First(node *waBinary.Node) waBinary.Node {
	if children := node.GetChildren(); len(children) > 0 {
		return children[0]
	}
	return waBinary.Node{}
}

// Number reads a numeric attribute, 0 when it is missing or not a number.
func Number(value any) uint64 {
	text, _ := value.(string)
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Text is an element that holds a text.
func Text(tag, text string) waBinary.Node { return waBinary.Node{Tag: tag, Content: []byte(text)} }

// ParticipantHash is the hash over device JIDs by which client and server
// compare their lists: "2:" and six bytes of SHA-256 in unpadded base64.
func ParticipantHash(devices []types.JID) string {
	names := make([]string, len(devices))
	for i, device := range devices {
		names[i] = device.ADString()
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "")))
	return "2:" + base64.RawStdEncoding.EncodeToString(sum[:6])
}

// IsJPEG tells whether a picture looks like one that WhatsApp takes.
func IsJPEG(raw []byte) bool { return len(raw) > 2 && raw[0] == 0xff && raw[1] == 0xd8 }
