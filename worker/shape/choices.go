package shape

import (
	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/message"
)

// Choices is what people may choose from in a message of a business, and what they chose.
// The names are WhatsApp Web's, those of lists and buttons are the names of its protobufs.
type Choices struct {
	DynamicReplyButtons      []ReplyButton       `json:"dynamicReplyButtons,omitempty"`
	IsDynamicReplyButtonsMsg bool                `json:"isDynamicReplyButtonsMsg,omitempty"`
	HydratedButtons          []HydratedButton    `json:"hydratedButtons,omitempty"`
	IsFromTemplate           bool                `json:"isFromTemplate,omitempty"`
	TemplateID               string              `json:"templateId,omitempty"`
	List                     *ChoiceList         `json:"list,omitempty"`
	ListResponse             *ListResponse       `json:"listResponse,omitempty"`
	ProductListItemCount     int                 `json:"productListItemCount,omitempty"`
	SelectedButtonID         string              `json:"selectedButtonId,omitempty"`
	SelectedID               string              `json:"selectedId,omitempty"`
	SelectedIndex            *uint32             `json:"selectedIndex,omitempty"`
	SelectedCarouselCard     *uint32             `json:"selectedCarouselCardIndex,omitempty"`
	InteractiveType          string              `json:"interactiveType,omitempty"` // native_flow, shops_storefront, carousel
	InteractiveHeader        *InteractiveHeader  `json:"interactiveHeader,omitempty"`
	InteractivePayload       *InteractivePayload `json:"interactivePayload,omitempty"`
	NativeFlowName           string              `json:"nativeFlowName,omitempty"`
	CarouselCardsParsed      []CarouselCard      `json:"carouselCardsParsed,omitempty"`
}

// HydratedButton is one button of a template, which is of one of three kinds.
type HydratedButton struct {
	Index            uint32            `json:"index"`
	QuickReplyButton *QuickReplyButton `json:"quickReplyButton,omitempty"`
	URLButton        *URLButton        `json:"urlButton,omitempty"`
	CallButton       *CallButton       `json:"callButton,omitempty"`
}

// QuickReplyButton sends an answer.
type QuickReplyButton struct {
	DisplayText string `json:"displayText"`
	ID          string `json:"id"`
}

// URLButton opens a page.
type URLButton struct {
	DisplayText string `json:"displayText"`
	URL         string `json:"url"`
}

// CallButton calls a number.
type CallButton struct {
	DisplayText string `json:"displayText"`
	PhoneNumber string `json:"phoneNumber"`
}

// ChoiceList is a list of rows or of products.
type ChoiceList struct {
	Title           string        `json:"title,omitempty"`
	Description     string        `json:"description,omitempty"`
	ButtonText      string        `json:"buttonText,omitempty"`
	ListType        int           `json:"listType"` // 1 rows, 2 products
	Sections        []ListSection `json:"sections"`
	ProductListInfo *ProductList  `json:"productListInfo,omitempty"`
	FooterText      string        `json:"footerText,omitempty"`
}

// ListSection is one part of a list.
type ListSection struct {
	Title string    `json:"title"`
	Rows  []ListRow `json:"rows"`
}

// ListRow is one choice.
type ListRow struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	RowID       string `json:"rowId"`
}

// ProductList is the products of a list.
type ProductList struct {
	ProductSections  []ProductSection `json:"productSections"`
	BusinessOwnerJID string           `json:"businessOwnerJid,omitempty"`
}

// ProductSection is one part of the products of a list.
type ProductSection struct {
	Title    string        `json:"title"`
	Products []ListProduct `json:"products"`
}

// ListProduct is one product of a list.
type ListProduct struct {
	ProductID string `json:"productId"`
}

// ListResponse is the row that somebody chose from a list.
type ListResponse struct {
	Title             string            `json:"title,omitempty"`
	Description       string            `json:"description,omitempty"`
	ListType          int               `json:"listType"`
	SingleSelectReply SingleSelectReply `json:"singleSelectReply"`
}

// SingleSelectReply names the row.
type SingleSelectReply struct {
	SelectedRowID string `json:"selectedRowId"`
}

// maxChoices bounds the choices of one message. WhatsApp allows some tens.
const maxChoices = 1000

func firstChoices[T any](all []T) []T { return all[:min(len(all), maxChoices)] }

func (m *Message) buttons(b *waE2E.ButtonsMessage) {
	m.headPlace(b.GetLocationMessage())
	m.titled(b.GetText(), b.GetFooterText())
	for _, button := range firstChoices(b.GetButtons()) {
		shown := ReplyButton{
			ButtonID:   Clean(button.GetButtonID()),
			ButtonText: ButtonText{DisplayText: Clean(button.GetButtonText().GetDisplayText())},
			Type:       int(button.GetType()),
		}
		if flow := button.GetNativeFlowInfo(); flow != nil {
			shown.NativeFlowInfo = &NativeFlowInfo{Name: Clean(flow.GetName()), ParamsJSON: Clean(flow.GetParamsJSON())}
		}
		m.DynamicReplyButtons = append(m.DynamicReplyButtons, shown)
	}
	m.Data.DynamicReplyButtons = m.DynamicReplyButtons
	m.Data.IsDynamicReplyButtonsMsg = len(m.DynamicReplyButtons) > 0
	if message.IsNativeFlow(b) {
		m.Data.NativeFlowName = flowName(b.GetButtons()[0].GetNativeFlowInfo().GetName())
	}
}

func (m *Message) template(t *waE2E.TemplateMessage) {
	m.Data.IsFromTemplate = true
	if i := t.GetInteractiveMessageTemplate(); i != nil {
		m.Data.TemplateID = Clean(t.GetTemplateID())
		m.interactive(i)
		return
	}
	h := message.Template(t)
	m.Data.TemplateID = Clean(h.GetTemplateID())
	if m.Data.TemplateID == "" {
		m.Data.TemplateID = Clean(t.GetTemplateID())
	}
	m.headPlace(h.GetLocationMessage())
	m.titled(h.GetHydratedTitleText(), h.GetHydratedFooterText())
	for _, button := range firstChoices(h.GetHydratedButtons()) {
		shown := HydratedButton{Index: button.GetIndex()}
		if b := button.GetQuickReplyButton(); b != nil {
			shown.QuickReplyButton = &QuickReplyButton{DisplayText: Clean(b.GetDisplayText()), ID: Clean(b.GetID())}
		}
		if b := button.GetUrlButton(); b != nil {
			shown.URLButton = &URLButton{DisplayText: Clean(b.GetDisplayText()), URL: Clean(b.GetURL())}
		}
		if b := button.GetCallButton(); b != nil {
			shown.CallButton = &CallButton{DisplayText: Clean(b.GetDisplayText()), PhoneNumber: Clean(b.GetPhoneNumber())}
		}
		m.Data.HydratedButtons = append(m.Data.HydratedButtons, shown)
	}
}

func (m *Message) list(l *waE2E.ListMessage) {
	m.Description, m.Data.Description = Clean(l.GetDescription()), Clean(l.GetDescription())
	m.titled(l.GetTitle(), l.GetFooterText())
	list := &ChoiceList{
		Title: m.Title, Description: m.Description, ButtonText: Clean(l.GetButtonText()), ListType: int(l.GetListType()),
		Sections: []ListSection{}, FooterText: m.Data.Footer,
	}
	left := maxChoices
	for _, section := range firstChoices(l.GetSections()) {
		shown := ListSection{Title: Clean(section.GetTitle()), Rows: []ListRow{}}
		for _, row := range section.GetRows()[:min(len(section.GetRows()), left)] {
			shown.Rows = append(shown.Rows, ListRow{
				Title: Clean(row.GetTitle()), Description: Clean(row.GetDescription()), RowID: Clean(row.GetRowID()),
			})
		}
		left -= len(shown.Rows)
		list.Sections = append(list.Sections, shown)
	}
	if products := l.GetProductListInfo(); products != nil {
		list.ProductListInfo, m.Data.ProductListItemCount = productList(products)
		m.BusinessOwnerJID = list.ProductListInfo.BusinessOwnerJID
		m.Data.BusinessOwnerJID = m.BusinessOwnerJID
	}
	m.Data.List = list
}

// productList returns the products of a list, and how many there are.
func productList(p *waE2E.ListMessage_ProductListInfo) (list *ProductList, count int) {
	list = &ProductList{ProductSections: []ProductSection{}, BusinessOwnerJID: jidText(p.GetBusinessOwnerJID())}
	left := maxChoices
	for _, section := range firstChoices(p.GetProductSections()) {
		count += len(section.GetProducts())
		shown := ProductSection{Title: Clean(section.GetTitle()), Products: []ListProduct{}}
		for _, product := range section.GetProducts()[:min(len(section.GetProducts()), left)] {
			shown.Products = append(shown.Products, ListProduct{ProductID: Clean(product.GetProductID())})
		}
		left -= len(shown.Products)
		list.ProductSections = append(list.ProductSections, shown)
	}
	return list, count
}

func (m *Message) listResponse(r *waE2E.ListResponseMessage) {
	m.SelectedRowID = Clean(r.GetSingleSelectReply().GetSelectedRowID())
	m.Title, m.Description = Clean(r.GetTitle()), Clean(r.GetDescription())
	m.Data.ListResponse = &ListResponse{
		Title: m.Title, Description: m.Description, ListType: int(r.GetListType()),
		SingleSelectReply: SingleSelectReply{SelectedRowID: m.SelectedRowID},
	}
}

func (m *Message) templateReply(r *waE2E.TemplateButtonReplyMessage) {
	m.SelectedButtonID = Clean(r.GetSelectedID())
	m.Data.SelectedID, m.Data.SelectedIndex = m.SelectedButtonID, r.SelectedIndex
	m.Data.SelectedCarouselCard = r.SelectedCarouselCardIndex
}
