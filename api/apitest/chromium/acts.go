package chromium

import (
	"context"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Keys presses keys where the focus is.
func (tab *Tab) Keys(keys string) {
	tab.t.Helper()
	tab.Do("press keys", chromedp.KeyEvent(keys))
}

// Paste puts a text where the focus is, at once.
func (tab *Tab) Paste(text string) {
	tab.t.Helper()
	tab.Do("paste", input.InsertText(text))
}

// Front gives the tab the focus.
func (tab *Tab) Front() {
	tab.t.Helper()
	tab.Do("come to the front", page.BringToFront())
}

// Until waits until an expression is true.
func (tab *Tab) Until(expression string) {
	tab.t.Helper()
	tab.until("wait for "+expression, func(ctx context.Context) error {
		var ok bool
		err := chromedp.Evaluate(expression, &ok).Do(ctx)
		if err == nil && !ok {
			return errAbsent
		}
		return err
	}, nil)
}

// Offline cuts the tab from the network, or connects it again.
func (tab *Tab) Offline(off bool) {
	tab.t.Helper()
	tab.Do("cut the network", network.Enable(), chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := network.EmulateNetworkConditionsByRule(off, []*network.Conditions{{DownloadThroughput: -1, UploadThroughput: -1}}).Do(ctx)
		return err
	}))
}

// Asks waits until the tab asks for an address that begins so, and answers it.
func (tab *Tab) Asks(begins string) {
	tab.t.Helper()
	asked := make(chan string, 1)
	chromedp.ListenTarget(tab.ctx, func(event any) {
		if ev, ok := event.(*fetch.EventRequestPaused); ok {
			select {
			case asked <- ev.Request.URL + " " + string(ev.RequestID):
			default:
			}
		}
	})
	tab.Do("watch what is asked", fetch.Enable().WithPatterns([]*fetch.RequestPattern{{URLPattern: begins + "*"}}))
	tab.Do("be asked for "+begins, chromedp.ActionFunc(func(ctx context.Context) error {
		select {
		case line := <-asked:
			url, id, _ := strings.Cut(line, " ")
			if !strings.HasPrefix(url, begins) {
				return fmt.Errorf("asks for %s", url)
			}
			return fetch.FulfillRequest(fetch.RequestID(id), 200).Do(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}))
}
