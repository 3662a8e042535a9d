package chromium

import (
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
)

type targetInfo = target.Info

// Errors are what a tab's console has complained of: exceptions, errors, and what the
// page's policy has forbidden.
type Errors struct {
	mu   sync.Mutex
	list []string // guarded by mu
}

func (e *Errors) hear(event any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch ev := event.(type) {
	case *runtime.EventExceptionThrown:
		e.list = append(e.list, ev.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.APITypeError || ev.Type == runtime.APITypeWarning {
			for _, arg := range ev.Args {
				e.list = append(e.list, string(arg.Value))
			}
		}
	case *log.EventEntryAdded:
		// Answers of 4xx and 5xx are listed by the browser, too, and handled by the page.
		if ev.Entry.Level == log.LevelError && ev.Entry.Source != log.SourceNetwork {
			e.list = append(e.list, ev.Entry.Text)
		}
	}
}

// String lists them, one a line; it is empty when there are none.
func (e *Errors) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.list, "\n")
}
