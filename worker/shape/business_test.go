package shape

import (
	"fmt"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

// A stranger's message may have any number of choices.
func TestChoicesAreBounded(t *testing.T) {
	l := &waE2E.ListMessage{}
	for range 3000 {
		l.Sections = append(l.Sections, &waE2E.ListMessage_Section{Rows: []*waE2E.ListMessage_Row{
			{RowID: proto.String("a")}, {RowID: proto.String("b")},
		}})
	}
	got := Render(Source{Chat: "4911@c.us", ID: "X", Raw: &waE2E.Message{ListMessage: l}})
	rows := 0
	for _, section := range got.Data.List.Sections {
		rows += len(section.Rows)
	}
	if rows != maxChoices || len(got.Data.List.Sections) != maxChoices {
		t.Error(fmt.Sprint(rows, " rows in ", len(got.Data.List.Sections), " sections"))
	}
	i := &waE2E.InteractiveMessage{InteractiveMessage: &waE2E.InteractiveMessage_CarouselMessage_{
		CarouselMessage: &waE2E.InteractiveMessage_CarouselMessage{},
	}}
	cards := i.GetCarouselMessage()
	for range 3000 {
		cards.Cards = append(cards.Cards, i) // a card that holds itself must not be followed
	}
	got = Render(Source{Chat: "4911@c.us", ID: "X", Raw: &waE2E.Message{InteractiveMessage: i}})
	if n := len(got.Data.CarouselCardsParsed); n != maxChoices {
		t.Errorf("%d cards", n)
	}
}
