package content

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
)

// album is several pictures and videos that phones show together: a message that says how
// many there are, and then a message for each of them, which names the first.
type album struct {
	files []*media.MessageMedia
	path  string
}

// WhatsApp's own clients make albums of two files and more.
const minAlbum, maxAlbum = 2, 30

func readAlbum(raw json.RawMessage, path string) (any, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, param.Bad(path, "expected an array of media")
	}
	if len(list) < minAlbum || len(list) > maxAlbum {
		return nil, param.Bad(path, "expected %d to %d pictures and videos for an album", minAlbum, maxAlbum)
	}
	a := album{path: path}
	for i, one := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if contentName(one) != "MessageMedia" {
			return nil, param.Bad(at, "expected a MessageMedia: an album has pictures and videos only")
		}
		file := &media.MessageMedia{}
		if err := file.Read(one, at); err != nil {
			return nil, err
		}
		a.files = append(a.files, file)
	}
	return a, nil
}

// isAlbum tells a list of media from a list of contacts by its first element.
func isAlbum(raw json.RawMessage) bool {
	var list []json.RawMessage
	return json.Unmarshal(raw, &list) == nil && len(list) > 0 && contentName(list[0]) == "MessageMedia"
}

// Message implements Content: the message that announces the files. They are not uploaded
// by it.
func (a album) Message(
	_ context.Context, _ *relay.Call, _ Options, info *waE2E.ContextInfo,
) (*waE2E.Message, error) {
	return &waE2E.Message{AlbumMessage: &waE2E.AlbumMessage{ContextInfo: info}}, nil
}

// check refuses what phones do not show in an album.
func (a album) check(to types.JID, options Options) error {
	switch {
	case to.Server != types.DefaultUserServer && to.Server != types.HiddenUserServer && to.Server != types.GroupServer:
		return param.Bad("params[0]", "an album goes to a person or a group; send the files one by one")
	case options.media != nil:
		return param.Bad("options.media", "the content is an album already; send the file by itself")
	}
	for _, other := range []struct {
		on   bool
		name string
	}{
		{options.AsSticker, "sendMediaAsSticker"},
		{options.AsDocument, "sendMediaAsDocument"},
		{options.AsVoice, "sendAudioAsVoice"},
		{options.AsGif, "sendVideoAsGif"},
		{options.ViewOnce, "isViewOnce"},
	} {
		if other.on {
			return param.Bad("options."+other.name, "an album has pictures and videos only; send the file by itself")
		}
	}
	return nil
}

// send sends the album and then its files. All of them are uploaded before anything is
// sent. A retry under the same message id sends what is missing: the ids of the files are
// made of the album's id. Info goes to the album, mentions to the file with the caption.
func (a album) send(ctx context.Context, c *relay.Call, to types.JID, options Options, info *waE2E.ContextInfo) (any, error) {
	if c.MessageID == "" {
		c.MessageID = c.Client.GenerateMessageID()
	}
	announced, known, err := c.AlreadySent(ctx)
	if err != nil {
		return nil, relay.Unsent(err)
	}
	children := make([]*waE2E.Message, len(a.files)) // nil: it is out
	announcing := &waE2E.AlbumMessage{ContextInfo: info, ExpectedImageCount: proto.Uint32(0), ExpectedVideoCount: proto.Uint32(0)}
	for i, file := range a.files {
		if known {
			c.MarkSent()
			if _, err = c.Mirror.Message(ctx, childID(c.MessageID, i)); err == nil {
				continue
			} else if !errors.Is(err, mirror.ErrNotFound) {
				return nil, err
			}
		}
		if children[i], err = a.child(ctx, c, i, file, options, info); err != nil {
			return nil, relay.Unsent(err)
		}
		if message.Read(children[i]).Type == "video" {
			*announcing.ExpectedVideoCount++
		} else {
			*announcing.ExpectedImageCount++
		}
		associate(children[i], c.MessageID, to, i)
	}
	sent := announced.Shape
	if !known {
		if sent, err = c.Send(ctx, to, &waE2E.Message{AlbumMessage: announcing}); err != nil {
			return nil, err
		}
	}
	for i, child := range children {
		if child == nil {
			continue
		}
		extra := whatsmeow.SendRequestExtra{ID: childID(c.MessageID, i)}
		if _, _, err = c.Deliver(ctx, to, child, extra); err != nil {
			return nil, fmt.Errorf("send file %d of the album: %w", i+1, err)
		}
	}
	return sent, nil
}

// child uploads one file. The first one has the caption.
func (a album) child(
	ctx context.Context, c *relay.Call, i int, file *media.MessageMedia, options Options, info *waE2E.ContextInfo,
) (*waE2E.Message, error) {
	var own *waE2E.ContextInfo
	if i == 0 && len(info.GetMentionedJID())+len(info.GetGroupMentions()) > 0 {
		own = &waE2E.ContextInfo{MentionedJID: info.GetMentionedJID(), GroupMentions: info.GetGroupMentions()}
	}
	if i > 0 {
		options.Caption = ""
	}
	built, err := file.Message(ctx, c.Media, options.Options, own)
	if err != nil {
		return nil, err
	}
	if kind := message.Read(built).Type; kind != "image" && kind != "video" {
		return nil, param.Bad(fmt.Sprintf("%s[%d]", a.path, i), "expected a picture or a video for an album, got a file of type %s", kind)
	}
	return built, nil
}

// associate says that a file belongs to an album.
func associate(child *waE2E.Message, albumID string, to types.JID, i int) {
	if child.MessageContextInfo == nil {
		child.MessageContextInfo = &waE2E.MessageContextInfo{}
	}
	child.MessageContextInfo.MessageAssociation = &waE2E.MessageAssociation{
		AssociationType:  waE2E.MessageAssociation_MEDIA_ALBUM.Enum(),
		ParentMessageKey: &waCommon.MessageKey{RemoteJID: proto.String(to.String()), FromMe: proto.Bool(true), ID: &albumID},
		MessageIndex:     proto.Int32(int32(i)),
	}
}

// childID is WhatsApp's id of a file of an album, in the form of whatsmeow's ids.
func childID(albumID string, i int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", shape.CleanMessageID(albumID), i))
	return whatsmeow.WebMessageIDPrefix + strings.ToUpper(hex.EncodeToString(sum[:9]))
}
