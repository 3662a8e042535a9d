package shape

// Label is whatsapp-web.js' Label.
type Label struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	HexColor string `json:"hexColor"`
}

// palette has the colour of each label number, as published clients list them.
var palette = [...]string{
	"#ff9485", "#64c4ff", "#ffd429", "#dfaef0", "#99b6c1", "#55ccb3", "#ff9dff", "#d3a91d", "#6d7cce", "#d7e752",
	"#00d0e2", "#ffc5c7", "#93ceac", "#f74848", "#00a0f2", "#83e422", "#ffaf04", "#b5ebff", "#9ba6ff", "#9368cf",
}

// NewLabel makes a label. A number outside the palette gets its first colour.
func NewLabel(id, name string, color int32) Label {
	if color < 0 || int(color) >= len(palette) {
		color = 0
	}
	return Label{ID: id, Name: name, HexColor: palette[color]}
}

// CustomerNote is whatsapp-web.js' CustomerNote. Times are in unix seconds.
type CustomerNote struct {
	ChatID     string `json:"chatId"`
	Content    string `json:"content"`
	CreatedAt  int64  `json:"createdAt"`
	ID         string `json:"id"`
	ModifiedAt int64  `json:"modifiedAt"`
	Type       string `json:"type"` // unstructured, structured
}
