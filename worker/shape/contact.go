package shape

// Contact is whatsapp-web.js' Contact. Number is null for a hidden id whose phone number
// is unknown. Username is ours.
type Contact struct {
	ID           Wid     `json:"id"`
	LID          string  `json:"lid,omitempty"` // ours
	Number       *string `json:"number"`
	IsBusiness   bool    `json:"isBusiness"`
	IsEnterprise bool    `json:"isEnterprise"`
	Name         string  `json:"name,omitempty"` // saved in the phone's address book
	Pushname     string  `json:"pushname,omitempty"`
	ShortName    string  `json:"shortName,omitempty"`
	Type         string  `json:"type,omitempty"`
	VerifiedName string  `json:"verifiedName,omitempty"`
	Username     string  `json:"username,omitempty"` // by which others find the person without the number
	IsMe         bool    `json:"isMe"`
	IsUser       bool    `json:"isUser"`
	IsGroup      bool    `json:"isGroup"`
	IsWAContact  bool    `json:"isWAContact"`
	IsMyContact  bool    `json:"isMyContact"`
	IsBlocked    bool    `json:"isBlocked"`
}

// ClientInfo is the result of getInfo and Client.info. Me repeats Wid for old integrations.
type ClientInfo struct {
	Pushname string `json:"pushname"`
	Wid      Wid    `json:"wid"`
	Me       Wid    `json:"me"`
	Platform string `json:"platform"` // android, iphone, smba, smbi
}

// NewClientInfo builds the ClientInfo of an account from its serialised id.
func NewClientInfo(me, pushName, platform string) ClientInfo {
	wid := NewWid(me)
	return ClientInfo{Pushname: pushName, Wid: wid, Me: wid, Platform: platform}
}
