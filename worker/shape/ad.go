package shape

import (
	"encoding/base64"

	"go.mau.fi/whatsmeow/proto/waE2E"
)

// Ad is what brought somebody to a chat: an advertisement, or another way in.
type Ad struct {
	CTWAContext                      *CTWAContext `json:"ctwaContext,omitempty"`
	EntryPointConversionSource       string       `json:"entryPointConversionSource,omitempty"`       // ours
	EntryPointConversionApp          string       `json:"entryPointConversionApp,omitempty"`          // ours
	EntryPointConversionDelaySeconds uint32       `json:"entryPointConversionDelaySeconds,omitempty"` // ours
}

// CTWAContext is WhatsApp Web's name for the advertisement that a message answers:
// "click to WhatsApp". Description is the text of the advertisement.
type CTWAContext struct {
	ConversionSource              string `json:"conversionSource,omitempty"`
	ConversionData                string `json:"conversionData,omitempty"` // base64
	ConversionDelaySeconds        uint32 `json:"conversionDelaySeconds,omitempty"`
	SourceURL                     string `json:"sourceUrl,omitempty"`
	SourceID                      string `json:"sourceId,omitempty"`
	SourceType                    string `json:"sourceType,omitempty"` // ad, post
	SourceApp                     string `json:"sourceApp,omitempty"`
	Title                         string `json:"title,omitempty"`
	Description                   string `json:"description,omitempty"`
	MediaType                     int    `json:"mediaType"` // 0 none, 1 image, 2 video
	MediaURL                      string `json:"mediaUrl,omitempty"`
	Thumbnail                     string `json:"thumbnail,omitempty"` // base64
	ThumbnailURL                  string `json:"thumbnailUrl,omitempty"`
	CTWAClid                      string `json:"ctwaClid,omitempty"` // the id of the click
	Ref                           string `json:"ref,omitempty"`
	ShowAdAttribution             bool   `json:"showAdAttribution,omitempty"`
	ContainsAutoReply             bool   `json:"containsAutoReply,omitempty"`
	AutomatedGreetingMessageShown bool   `json:"automatedGreetingMessageShown,omitempty"`
	GreetingMessageBody           string `json:"greetingMessageBody,omitempty"`
	CTAPayload                    string `json:"ctaPayload,omitempty"`
	IsSuspiciousLink              bool   `json:"isSuspiciousLink"`
}

// maxThumbnail bounds the pictures that stand inside a message; WhatsApp's have some
// kilobytes.
const maxThumbnail = 64 << 10

func thumbnail(picture []byte) string {
	if len(picture) > maxThumbnail {
		return ""
	}
	return base64.StdEncoding.EncodeToString(picture)
}

// ad writes the advertisement of a message's context. A preview of a link that a person
// dressed up as an advertisement looks the same.
func (d *Data) ad(c *waE2E.ContextInfo) {
	d.EntryPointConversionSource = Clean(c.GetEntryPointConversionSource())
	d.EntryPointConversionApp = Clean(c.GetEntryPointConversionApp())
	d.EntryPointConversionDelaySeconds = c.GetEntryPointConversionDelaySeconds()
	a := c.GetExternalAdReply()
	if a == nil && c.GetConversionSource() == "" && len(c.GetConversionData()) == 0 {
		return
	}
	d.CTWAContext = &CTWAContext{
		ConversionSource: Clean(c.GetConversionSource()), ConversionData: thumbnail(c.GetConversionData()),
		ConversionDelaySeconds: c.GetConversionDelaySeconds(),
		SourceURL:              Clean(a.GetSourceURL()), SourceID: Clean(a.GetSourceID()), SourceType: Clean(a.GetSourceType()),
		SourceApp: Clean(a.GetSourceApp()), Title: Clean(a.GetTitle()), Description: Clean(a.GetBody()),
		MediaType: int(a.GetMediaType()), MediaURL: Clean(a.GetMediaURL()),
		Thumbnail: thumbnail(a.GetThumbnail()), ThumbnailURL: Clean(a.GetThumbnailURL()),
		CTWAClid: Clean(a.GetCtwaClid()), Ref: Clean(a.GetRef()),
		ShowAdAttribution: a.GetShowAdAttribution(), ContainsAutoReply: a.GetContainsAutoReply(),
		AutomatedGreetingMessageShown: a.GetAutomatedGreetingMessageShown(),
		GreetingMessageBody:           Clean(a.GetGreetingMessageBody()), CTAPayload: Clean(a.GetCtaPayload()),
		IsSuspiciousLink: suspicious(Clean(a.GetSourceURL())),
	}
}
