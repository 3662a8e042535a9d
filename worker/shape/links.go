package shape

import (
	"regexp"
	"strings"
	"unicode"
)

// linkPattern finds addresses as people write them: with a scheme, with www, or as a bare
// host under a common top-level domain. It is RE2, so its time is linear in the text.
var linkPattern = regexp.MustCompile(`(?i)(?:https?://[^\s<>"]+|www\.[^\s<>"]+|(?:[\p{L}\p{N}][\p{L}\p{N}-]*\.)+` +
	`(?:com|org|net|info|biz|io|app|dev|me|co|de|uk|us|es|fr|it|br|mx|ar|in|id|nl|be|ch|at|pt|ru|eu|tv|ly|gl|do|shop|online|store|site|xyz)` +
	`\b(?::\d+)?(?:/[^\s<>"]*)?)`)

// maxLinks bounds the work for one text.
const maxLinks = 100

// findLinks returns the addresses in a text, in order.
func findLinks(text string) []Link {
	links := []Link{}
	if !strings.Contains(text, ".") && !strings.Contains(text, "://") {
		return links
	}
	for _, at := range linkPattern.FindAllStringIndex(text, maxLinks) {
		if at[0] > 0 && text[at[0]-1] == '@' { // the host of a mail address
			continue
		}
		link := strings.TrimRight(text[at[0]:at[1]], `.,;:!?)]}'*_~`)
		if link != "" {
			links = append(links, Link{Link: link, IsSuspicious: suspicious(link)})
		}
	}
	return links
}

// suspicious reports whether the host mixes Latin letters with look-alikes from another
// alphabet.
func suspicious(link string) bool {
	host := link
	if i := strings.Index(host, "://"); i >= 0 {
		host = host[i+3:]
	}
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host = host[:i]
	}
	for label := range strings.SplitSeq(host, ".") {
		latin, other := false, false
		for _, r := range label {
			switch {
			case unicode.Is(unicode.Latin, r):
				latin = true
			case unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee):
				other = true
			}
		}
		if latin && other {
			return true
		}
	}
	return false
}
