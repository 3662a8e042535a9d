package wwebjs

import (
	"encoding/json"
	"fmt"
	"testing"

	"whatsapp-manager/worker/shape"
)

// A long list is written in parts, and reads as if it had not been.
func TestLongListsAreWhole(t *testing.T) {
	for _, n := range []int{0, 1, manyChats - 1, manyChats, manyChats + 1, 3*manyChats + 7} {
		chats := make([]shape.Chat, n)
		for i := range chats {
			chats[i].ID = shape.NewWid(fmt.Sprintf("49%d@c.us", i))
		}
		encoded, err := encodeChats(t.Context(), chats)
		if err != nil {
			t.Fatal(err)
		}
		var back []shape.Chat
		if err := json.Unmarshal(encoded, &back); err != nil || len(back) != n {
			t.Fatalf("%d chats became %d: %v", n, len(back), err)
		}
		for i := range back {
			if back[i].ID != chats[i].ID {
				t.Fatalf("chat %d of %d is %s", i, n, back[i].ID.Serialized)
			}
		}
	}
}
