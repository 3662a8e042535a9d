package relay

import (
	"context"
	"encoding/json"
	"sync"

	"whatsapp-manager/proto/catalog"
)

// row is one method of whatsapp-web.js.
type row struct {
	name       string // as in the URL: sendMessage, Chat.sendSeen
	class      string
	params     []param
	result     string
	doc        string
	need       need
	getter     bool
	sends      bool   // fate.go must learn of what it sends other than by call.write
	example    string // a params array
	manager    bool   // the manager answers it; then there is no do
	impossible string // why it cannot be done; then there is no do
	do         func(context.Context, *call) (any, error)
}

// param is one positional parameter of a row.
type param struct {
	name     string
	kind     kind
	optional bool
	doc      string
}

func (p param) read(raw json.RawMessage, path string) (any, error) {
	if p.optional && isNull(raw) {
		return nil, nil
	}
	return p.kind.read(raw, path)
}

// rows lists every method of whatsapp-web.js that is answered.
func rows() []row {
	var all []row
	for _, class := range [][]row{
		clientRows, chatRows, messageRows, impossibleRows,
		settingRows,
		presenceRows,
		labelRows,
		contactRows, addressbookRows, profileRows,
		messageLookupRows, messageChangeRows,
		groupChatRows, groupInviteRows, groupCreateRows, groupNoticeRows, pictureRows, mediaRows,
		sessionRows, pinnedRows, channelRows, channelAdminRows, statusRows, eventRows, businessRows, callRows, historyRows,
	} {
		all = append(all, class...)
	}
	return all
}

var rowsByName = sync.OnceValue(func() map[string]*row {
	byName := map[string]*row{}
	for _, r := range rows() {
		byName[r.name] = &r
	}
	return byName
})

func (r row) method() catalog.Method {
	m := catalog.Method{
		Name: r.name, Family: catalog.WWebJS, Class: r.class, Doc: r.doc, Params: []catalog.Param{},
		Result: r.result, Verdict: catalog.Native, Reason: r.impossible,
		Getter: r.getter, Sends: r.sends, Manager: r.manager, Unpaired: r.need < needData && r.impossible == "",
	}
	if r.impossible != "" {
		m.Verdict = catalog.Impossible
	}
	for _, p := range r.params {
		m.Params = append(m.Params, catalog.Param{Name: p.name, Type: p.kind.label, Optional: p.optional, Doc: p.doc})
	}
	if r.example != "" {
		m.Example = json.RawMessage(r.example)
	}
	return m
}
