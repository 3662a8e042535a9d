package message

import "go.mau.fi/whatsmeow/proto/waE2E"

// File is a part of a message that can be downloaded: an image, a video, an audio, a
// document, a sticker or a pack of stickers. Posts of channels are not encrypted: they
// have no media key.
type File interface {
	GetDirectPath() string
	GetMediaKey() []byte
	GetFileSHA256() []byte
	GetFileEncSHA256() []byte
}

// Downloadable returns the file when WhatsApp says where it is; nil when there is none.
// Some messages describe a file and leave out its place.
func (c Content) Downloadable() File {
	if c.File == nil || c.File.GetDirectPath() == "" {
		return nil
	}
	return c.File
}

// head is the upper part of a message with choices.
type head interface {
	GetImageMessage() *waE2E.ImageMessage
	GetVideoMessage() *waE2E.VideoMessage
	GetDocumentMessage() *waE2E.DocumentMessage
	GetLocationMessage() *waE2E.LocationMessage
}

// readHead gives a message with choices the file of its head and, as WhatsApp Web has it,
// the head's type. The text stands under the head.
func readHead(c *Content, h head, text string) {
	c.Type, c.Text = TypeChat, text
	switch {
	case h.GetImageMessage() != nil:
		c.Type, c.File = "image", h.GetImageMessage()
	case h.GetVideoMessage() != nil:
		c.Type, c.File = "video", h.GetVideoMessage()
	case h.GetDocumentMessage() != nil:
		c.Type, c.File = "document", h.GetDocumentMessage()
	case h.GetLocationMessage() != nil:
		c.Type = "location"
		return
	default:
		return
	}
	c.Caption = text
}

// invoiceFile is the attachment of an invoice, which has the fields of an image or of a
// document under other names.
func invoiceFile(i *waE2E.InvoiceMessage) File {
	if i.GetAttachmentType() == waE2E.InvoiceMessage_PDF {
		return &waE2E.DocumentMessage{
			Mimetype: i.AttachmentMimetype, MediaKey: i.AttachmentMediaKey, MediaKeyTimestamp: i.AttachmentMediaKeyTimestamp,
			FileSHA256: i.AttachmentFileSHA256, FileEncSHA256: i.AttachmentFileEncSHA256, DirectPath: i.AttachmentDirectPath,
			JPEGThumbnail: i.AttachmentJPEGThumbnail,
		}
	}
	return &waE2E.ImageMessage{
		Mimetype: i.AttachmentMimetype, MediaKey: i.AttachmentMediaKey, MediaKeyTimestamp: i.AttachmentMediaKeyTimestamp,
		FileSHA256: i.AttachmentFileSHA256, FileEncSHA256: i.AttachmentFileEncSHA256, DirectPath: i.AttachmentDirectPath,
		JPEGThumbnail: i.AttachmentJPEGThumbnail,
	}
}
