package shape

import (
	"encoding/base64"
	"strconv"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/message"
)

// media has the fields that all kinds of media messages share.
type media struct {
	mimetype, filename, directPath, url string
	key, sha256, encSHA256              []byte
	keyAt                               int64
	size                                uint64
	width, height, seconds, pages       uint32
	waveform                            []byte
	timed, gif, animated, viewOnce      bool
}

func imageMedia(m *waE2E.ImageMessage) *media {
	return &media{
		mimetype: m.GetMimetype(), directPath: m.GetDirectPath(), url: m.GetURL(),
		key: m.GetMediaKey(), sha256: m.GetFileSHA256(), encSHA256: m.GetFileEncSHA256(),
		keyAt: m.GetMediaKeyTimestamp(), size: m.GetFileLength(),
		width: m.GetWidth(), height: m.GetHeight(), viewOnce: m.GetViewOnce(),
	}
}

func videoMedia(m *waE2E.VideoMessage) *media {
	return &media{
		mimetype: m.GetMimetype(), directPath: m.GetDirectPath(), url: m.GetURL(),
		key: m.GetMediaKey(), sha256: m.GetFileSHA256(), encSHA256: m.GetFileEncSHA256(),
		keyAt: m.GetMediaKeyTimestamp(), size: m.GetFileLength(),
		width: m.GetWidth(), height: m.GetHeight(), viewOnce: m.GetViewOnce(),
		seconds: m.GetSeconds(), timed: true, gif: m.GetGifPlayback(),
	}
}

func audioMedia(m *waE2E.AudioMessage) *media {
	return &media{
		mimetype: m.GetMimetype(), directPath: m.GetDirectPath(), url: m.GetURL(),
		key: m.GetMediaKey(), sha256: m.GetFileSHA256(), encSHA256: m.GetFileEncSHA256(),
		keyAt: m.GetMediaKeyTimestamp(), size: m.GetFileLength(), viewOnce: m.GetViewOnce(),
		seconds: m.GetSeconds(), timed: true, waveform: m.GetWaveform(),
	}
}

func documentMedia(m *waE2E.DocumentMessage) *media {
	return &media{
		mimetype: m.GetMimetype(), filename: m.GetFileName(), directPath: m.GetDirectPath(), url: m.GetURL(),
		key: m.GetMediaKey(), sha256: m.GetFileSHA256(), encSHA256: m.GetFileEncSHA256(),
		keyAt: m.GetMediaKeyTimestamp(), size: m.GetFileLength(), pages: m.GetPageCount(),
	}
}

func stickerMedia(m *waE2E.StickerMessage) *media {
	return &media{
		mimetype: m.GetMimetype(), directPath: m.GetDirectPath(), url: m.GetURL(),
		key: m.GetMediaKey(), sha256: m.GetFileSHA256(), encSHA256: m.GetFileEncSHA256(),
		keyAt: m.GetMediaKeyTimestamp(), size: m.GetFileLength(),
		width: m.GetWidth(), height: m.GetHeight(), animated: m.GetIsAnimated(),
	}
}

func packMedia(m *waE2E.StickerPackMessage) *media {
	return &media{
		mimetype: "application/zip", filename: m.GetName(), directPath: m.GetDirectPath(),
		key: m.GetMediaKey(), sha256: m.GetFileSHA256(), encSHA256: m.GetFileEncSHA256(),
		keyAt: m.GetMediaKeyTimestamp(), size: m.GetFileLength(),
	}
}

// mediaOf describes a file; nil for none.
func mediaOf(f message.File) *media {
	switch f := f.(type) {
	case *waE2E.ImageMessage:
		return imageMedia(f)
	case *waE2E.VideoMessage:
		return videoMedia(f)
	case *waE2E.AudioMessage:
		return audioMedia(f)
	case *waE2E.DocumentMessage:
		return documentMedia(f)
	case *waE2E.StickerMessage:
		return stickerMedia(f)
	case *waE2E.StickerPackMessage:
		return packMedia(f)
	}
	return nil
}

// file writes the fields of a message's file.
func (m *Message) file(c message.Content) {
	f := mediaOf(c.File)
	if f == nil {
		return
	}
	d := &m.Data
	m.HasMedia = c.Downloadable() != nil
	m.MediaKey = base64.StdEncoding.EncodeToString(f.key)
	m.IsGif = f.gif
	if f.timed {
		m.Duration = strconv.FormatUint(uint64(f.seconds), 10)
		d.Duration = m.Duration
	}
	d.Mimetype, d.Filename = Clean(f.mimetype), Clean(f.filename)
	d.Size = f.size
	d.Filehash = base64.StdEncoding.EncodeToString(f.sha256)
	d.EncFilehash = base64.StdEncoding.EncodeToString(f.encSHA256)
	d.MediaKey, d.MediaKeyTimestamp = m.MediaKey, f.keyAt
	d.DirectPath, d.DeprecatedMms3URL = Clean(f.directPath), Clean(f.url)
	d.Width, d.Height, d.PageCount = f.width, f.height, f.pages
	d.IsGif, d.IsAnimated = f.gif, f.animated
	d.IsViewOnce = d.IsViewOnce || f.viewOnce
	for _, level := range f.waveform {
		d.Waveform = append(d.Waveform, int(level))
	}
}
