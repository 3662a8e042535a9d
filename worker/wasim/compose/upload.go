package compose

import (
	"encoding/json"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/media"
)

// MaxFile is how many bytes a file may have.
const MaxFile = 100 << 20

var mediaKinds = map[string]media.Kind{
	"image": media.Image, "sticker": media.Image, "video": media.Video, "gif": media.Video,
	"audio": media.Audio, "ptt": media.Audio, "document": media.Document,
	"sticker-pack": media.StickerPack, "thumbnail-link": media.LinkThumbnail,
}

// Upload puts a file on the media host. The answer is the protojson by which a media message of
// any kind names it: URL, directPath, fileSHA256, fileLength, mimetype when there is one and,
// unless it is plain as the files of channels are, mediaKey, fileEncSHA256 and mediaKeyTimestamp.
func Upload(s *wasim.Server, kind, mimetype string, plain bool, file []byte) (json.RawMessage, error) {
	known, ok := mediaKinds[kind]
	if !ok {
		return nil, wrong("type", "%.40q is none of image, sticker, video, gif, audio, ptt, document, sticker-pack, "+
			"thumbnail-link", kind)
	}
	if len(file) > MaxFile {
		return nil, wrong("body", "more than %d bytes", MaxFile)
	}
	// The names of the fields are the same in all media messages.
	fields := &waE2E.ImageMessage{}
	var blob media.Blob
	if plain {
		blob = s.Media().PutPlain(known, file)
	} else {
		var err error
		if blob, err = s.Media().Put(known, file); err != nil {
			return nil, fmt.Errorf("upload: %w", err)
		}
		fields.MediaKeyTimestamp = proto.Int64(time.Now().Unix())
	}
	fields.URL, fields.DirectPath, fields.FileLength = &blob.URL, &blob.DirectPath, &blob.Length
	fields.FileSHA256, fields.FileEncSHA256, fields.MediaKey = blob.SHA256, blob.EncSHA256, blob.Key
	if mimetype != "" {
		fields.Mimetype = &mimetype
	}
	raw, err := protojson.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("upload: %w", err)
	}
	return raw, nil
}
