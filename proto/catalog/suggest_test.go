package catalog

import (
	"slices"
	"strings"
	"testing"
)

func TestASlipIsToldTheNearestName(t *testing.T) {
	names, err := Names()
	if err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[string]string{
		"sendmessage":            "sendMessage",
		"sendMesage":             "sendMessage",
		"getChat":                "getChats",
		"Chat.archve":            "Chat.archive",
		"react":                  "Message.react",
		"whatsmeow.getgroupinfo": "whatsmeow.GetGroupInfo",
		"getNumberID":            "getNumberId",
	} {
		t.Run(asked, func(t *testing.T) {
			if got := Suggest(asked, names); !slices.Contains(got, want) || len(got) > 3 {
				t.Errorf("got %q, want %q among at most three", got, want)
			}
		})
	}
	for _, asked := range []string{"", "zzzzqqqq", strings.Repeat("sendMessage", 10)} {
		t.Run("none for "+asked, func(t *testing.T) {
			if got := Suggest(asked, names); got != nil {
				t.Errorf("got %q, want nothing", got)
			}
		})
	}
	if got := Suggest("ab", []string{"cd", "abc"}); !slices.Equal(got, []string{"abc"}) {
		t.Errorf("two other letters count as a slip: %q", got)
	}
}
