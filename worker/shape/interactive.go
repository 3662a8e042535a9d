package shape

import (
	"encoding/base64"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/message"
)

// WhatsApp Web's kinds of interactive messages. Its code could not be read where the names
// of shops and carousels are.
const (
	nativeFlow = "native_flow"
	shops      = "shops_storefront" // a guess
	carousel   = "carousel"         // a guess
	flowMixed  = "mixed"
)

// InteractiveHeader is the upper part of an interactive message.
type InteractiveHeader struct {
	Title              string `json:"title,omitempty"`
	Subtitle           string `json:"subtitle,omitempty"`
	Thumbnail          string `json:"thumbnail,omitempty"` // base64
	HasMediaAttachment bool   `json:"hasMediaAttachment"`
}

// InteractivePayload is what an interactive message offers, or what somebody answered to
// one: an answer has Name, Version, Type and ParamsJSON. The JSON is text that the business
// wrote: a code to copy, a PIX key, an order.
type InteractivePayload struct {
	Buttons           []NativeFlowButton `json:"buttons,omitempty"`
	MessageParamsJSON string             `json:"messageParamsJson,omitempty"`
	MessageVersion    *int32             `json:"messageVersion,omitempty"`
	ID                string             `json:"id,omitempty"`      // of a shop
	Surface           *int32             `json:"surface,omitempty"` // of a shop
	BizJID            string             `json:"bizJid,omitempty"`  // of a collection
	Name              string             `json:"name,omitempty"`
	Version           *int32             `json:"version,omitempty"`
	Type              string             `json:"type,omitempty"`
	ParamsJSON        *string            `json:"paramsJson,omitempty"`
}

// NativeFlowButton is one button of an interactive message.
type NativeFlowButton struct {
	Name             string `json:"name"`
	ButtonParamsJSON string `json:"buttonParamsJson"`
}

// NativeFlowInfo is the flow that a reply button opens.
type NativeFlowInfo struct {
	Name       string `json:"name"`
	ParamsJSON string `json:"paramsJson"`
}

// CarouselCard is one card of a carousel: a picture, a text and buttons.
type CarouselCard struct {
	Type               string              `json:"type"`
	Title              string              `json:"title,omitempty"`
	Subtitle           string              `json:"subtitle,omitempty"`
	Caption            string              `json:"caption"`
	Footer             string              `json:"footer,omitempty"` // ours
	InteractiveType    string              `json:"interactiveType,omitempty"`
	InteractiveHeader  *InteractiveHeader  `json:"interactiveHeader,omitempty"`
	InteractivePayload *InteractivePayload `json:"interactivePayload,omitempty"`
	IsCarouselCard     bool                `json:"isCarouselCard"`
	Mimetype           string              `json:"mimetype,omitempty"`
	MediaKey           string              `json:"mediaKey,omitempty"`    // base64
	Filehash           string              `json:"filehash,omitempty"`    // base64
	EncFilehash        string              `json:"encFilehash,omitempty"` // base64
	DirectPath         string              `json:"directPath,omitempty"`
	Size               uint64              `json:"size,omitempty"`
	Width              uint32              `json:"width,omitempty"`
	Height             uint32              `json:"height,omitempty"`
	ProductID          string              `json:"productId,omitempty"`
}

func (m *Message) interactive(i *waE2E.InteractiveMessage) {
	m.headPlace(i.GetHeader().GetLocationMessage())
	m.titled(i.GetHeader().GetTitle(), i.GetFooter().GetText())
	if p := i.GetHeader().GetProductMessage(); p != nil {
		m.sold(p)
	}
	d := &m.Data
	d.Caption = Clean(i.GetBody().GetText())
	d.InteractiveHeader = interactiveHeader(i.GetHeader())
	d.InteractiveType, d.InteractivePayload = interactivePayload(i)
	if d.InteractiveType == nativeFlow {
		d.NativeFlowName = flowMixed
		if buttons := i.GetNativeFlowMessage().GetButtons(); len(buttons) > 0 {
			d.NativeFlowName = flowName(buttons[0].GetName())
		}
	}
	for _, card := range firstChoices(i.GetCarouselMessage().GetCards()) {
		d.CarouselCardsParsed = append(d.CarouselCardsParsed, carouselCard(card))
	}
}

func interactiveHeader(h *waE2E.InteractiveMessage_Header) *InteractiveHeader {
	if h == nil {
		return nil
	}
	return &InteractiveHeader{
		Title: Clean(h.GetTitle()), Subtitle: Clean(h.GetSubtitle()), Thumbnail: thumbnail(h.GetJPEGThumbnail()),
		HasMediaAttachment: h.GetHasMediaAttachment(),
	}
}

// interactivePayload is the part that WhatsApp Web keeps under that name, by the kind of
// the message. The cards of a carousel have their own place.
func interactivePayload(i *waE2E.InteractiveMessage) (kind string, payload *InteractivePayload) {
	switch {
	case i.GetNativeFlowMessage() != nil:
		f := i.GetNativeFlowMessage()
		payload = &InteractivePayload{
			Buttons: []NativeFlowButton{}, MessageParamsJSON: Clean(f.GetMessageParamsJSON()), MessageVersion: f.MessageVersion,
		}
		for _, button := range firstChoices(f.GetButtons()) {
			payload.Buttons = append(payload.Buttons, NativeFlowButton{
				Name: Clean(button.GetName()), ButtonParamsJSON: Clean(button.GetButtonParamsJSON()),
			})
		}
		return nativeFlow, payload
	case i.GetShopStorefrontMessage() != nil:
		s := i.GetShopStorefrontMessage()
		surface := int32(s.GetSurface())
		return shops, &InteractivePayload{ID: Clean(s.GetID()), Surface: &surface, MessageVersion: s.MessageVersion}
	case i.GetCarouselMessage() != nil:
		return carousel, &InteractivePayload{MessageVersion: i.GetCarouselMessage().MessageVersion}
	case i.GetCollectionMessage() != nil:
		c := i.GetCollectionMessage()
		return "", &InteractivePayload{ID: Clean(c.GetID()), BizJID: jidText(c.GetBizJID()), MessageVersion: c.MessageVersion}
	}
	return "", nil
}

func carouselCard(i *waE2E.InteractiveMessage) CarouselCard {
	card := CarouselCard{
		Type: "interactive", Title: Clean(i.GetHeader().GetTitle()), Subtitle: Clean(i.GetHeader().GetSubtitle()),
		Caption: Clean(i.GetBody().GetText()), Footer: Clean(i.GetFooter().GetText()), IsCarouselCard: true,
		InteractiveHeader: interactiveHeader(i.GetHeader()),
		ProductID:         Clean(i.GetHeader().GetProductMessage().GetProduct().GetProductID()),
	}
	card.InteractiveType, card.InteractivePayload = interactivePayload(i)
	if card.InteractiveHeader != nil { // WhatsApp Web has them on the card alone
		card.InteractiveHeader.Title, card.InteractiveHeader.Subtitle = "", ""
	}
	if file := mediaOf(message.Read(&waE2E.Message{InteractiveMessage: i}).File); file != nil {
		card.Mimetype, card.DirectPath, card.Size = Clean(file.mimetype), Clean(file.directPath), file.size
		card.MediaKey = base64.StdEncoding.EncodeToString(file.key)
		card.Filehash = base64.StdEncoding.EncodeToString(file.sha256)
		card.EncFilehash = base64.StdEncoding.EncodeToString(file.encSHA256)
		card.Width, card.Height = file.width, file.height
	}
	return card
}

// interactiveResponse writes what somebody chose in an interactive message.
func (m *Message) interactiveResponse(r *waE2E.InteractiveResponseMessage) {
	f := r.GetNativeFlowResponseMessage()
	if f == nil {
		return
	}
	params := Clean(f.GetParamsJSON())
	m.Data.InteractivePayload = &InteractivePayload{
		Name: Clean(f.GetName()), Version: f.Version, Type: nativeFlow, ParamsJSON: &params,
	}
}

// flowName is WhatsApp Web's name of the flow that a button opens; most are called like
// their button.
func flowName(button string) string {
	switch button {
	case "review_and_pay":
		return "order_details"
	case "review_order":
		return "order_status"
	case "open_webview":
		return "message_with_link"
	}
	return Clean(button)
}
