package mirror

import (
	"strings"
	"testing"
)

func TestSearch(t *testing.T) {
	b := newBench(t)
	for i, body := range []string{
		"The Invoice for Größe 44, see https://example.org/path_to/file.pdf", // ID000000
		"invoice-4711 is paid: 100% (thanks!)",                               // ID000001
		"請求書を送りました 🎉",                                                        // ID000002
		"don't «panic»…really",                                               // ID000003
		strings.Repeat("a long word ", 5000) + "needle",                      // ID000004
		strings.Repeat("x", 5000) + " haystack",                              // ID000005
	} {
		b.apply(from(annaID, name(i), body, int64(1000+i)))
	}
	b.apply(from("4912@c.us", name(9), "an invoice elsewhere", 2000))
	for query, want := range map[string]string{
		"invoice": "9 1 0", "INVOICE": "9 1 0", "inv": "9 1 0", "voice": "", "invoice paid": "1", "paid invoice": "1", "invoice nothing": "",
		"größ": "0", "file": "0", "example.org": "0", "path_to": "0", "4711": "1", "100%": "1", "thanks!": "1", "don't": "3", "panic": "3", "really": "3", "«panic»": "3",
		"請求書": "2", "送り": "2", "🎉": "2", "needle": "4", "haystack": "5",
		"'": "3", `\`: "", "%": "1", "' | 'x": "", "a & !b": "", "hay:* & x": "", "\x00": "9 5 4 3 2 1 0",
		b.instance: "",
	} {
		t.Run(query, func(t *testing.T) {
			for chat, narrowed := range map[string]string{"": want, annaID: strings.TrimSpace(strings.ReplaceAll(want, "9", ""))} {
				found, err := b.Search(b.ctx, query, chat, 0, 100)
				if err != nil {
					t.Errorf("%q: %v", query, err)
				}
				var got []string
				for _, m := range found {
					got = append(got, m.ID.ID[len(m.ID.ID)-1:])
				}
				if strings.Join(got, " ") != narrowed {
					t.Errorf("%q in %q found %v, want %s", query, chat, got, narrowed)
				}
			}
		})
	}
	page, err := b.Search(b.ctx, "invoice", "", 1, 1)
	if err != nil || len(page) != 1 || page[0].ID.ID != name(1) {
		t.Errorf("second page: %v %v", page, err)
	}
}
