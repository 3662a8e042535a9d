package chromium

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"whatsapp-manager/proto/backoff"
)

// errAbsent says that a closed tree does not have what was looked for.
var errAbsent = errors.New("it is not there")

// HiddenText waits until the closed shadow trees of the page, which no script of the page
// can read, hold the text.
func (tab *Tab) HiddenText(text string) {
	tab.t.Helper()
	var all string
	tab.until("see "+text+" in a closed tree", func(ctx context.Context) error {
		root, err := dom.GetDocument().WithDepth(-1).WithPierce(true).Do(ctx)
		if err != nil {
			return err
		}
		var out strings.Builder
		walk(root, func(n *cdp.Node) bool {
			if n.NodeType == cdp.NodeTypeText {
				out.WriteString(n.NodeValue + "\n")
			}
			return false
		})
		if all = out.String(); !strings.Contains(all, text) {
			return errAbsent
		}
		return nil
	}, &all)
}

// HiddenClick clicks with the mouse, as a person does, on the element with the id in a
// closed shadow tree, once it is enabled.
func (tab *Tab) HiddenClick(id string) {
	tab.t.Helper()
	tab.until("click "+id+" in a closed tree", func(ctx context.Context) error {
		x, y, err := place(ctx, id)
		if err != nil {
			return err
		}
		for _, kind := range []input.MouseType{input.MousePressed, input.MouseReleased} {
			if err := input.DispatchMouseEvent(kind, x, y).WithButton(input.Left).WithClickCount(1).Do(ctx); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}

// HasHidden reports whether a closed shadow tree of the page has an element with the id.
func (tab *Tab) HasHidden(id string) bool {
	tab.t.Helper()
	var there bool
	tab.Do("look for "+id, chromedp.ActionFunc(func(ctx context.Context) error {
		root, err := dom.GetDocument().WithDepth(-1).WithPierce(true).Do(ctx)
		if err == nil {
			there = walk(root, func(n *cdp.Node) bool { return n.AttributeValue("id") == id }) != nil
		}
		return err
	}))
	return there
}

// HiddenIsOff reports whether the element with the id in a closed shadow tree is disabled
// now.
func (tab *Tab) HiddenIsOff(id string) bool {
	tab.t.Helper()
	var off bool
	tab.Do("look at "+id, chromedp.ActionFunc(func(ctx context.Context) error {
		root, err := dom.GetDocument().WithDepth(-1).WithPierce(true).Do(ctx)
		if err != nil {
			return err
		}
		if n := walk(root, func(n *cdp.Node) bool { return n.AttributeValue("id") == id }); n != nil {
			_, off = n.Attribute("disabled")
		}
		return nil
	}))
	return off
}

func place(ctx context.Context, id string) (x, y float64, err error) {
	root, err := dom.GetDocument().WithDepth(-1).WithPierce(true).Do(ctx)
	if err != nil {
		return 0, 0, err
	}
	found := walk(root, func(n *cdp.Node) bool { return n.AttributeValue("id") == id })
	if found == nil {
		return 0, 0, errAbsent
	}
	if _, disabled := found.Attribute("disabled"); disabled {
		return 0, 0, errAbsent
	}
	if err := dom.ScrollIntoViewIfNeeded().WithNodeID(found.NodeID).Do(ctx); err != nil {
		return 0, 0, err
	}
	box, err := dom.GetBoxModel().WithNodeID(found.NodeID).Do(ctx)
	if err != nil {
		return 0, 0, err
	}
	q := box.Content
	return (q[0] + q[4]) / 2, (q[1] + q[5]) / 2, nil
}

// walk returns the first node that fits, in this tree and in the shadow trees in it.
func walk(n *cdp.Node, fits func(*cdp.Node) bool) *cdp.Node {
	if fits(n) {
		return n
	}
	for _, list := range [][]*cdp.Node{n.ShadowRoots, n.Children} {
		for _, child := range list {
			if found := walk(child, fits); found != nil {
				return found
			}
		}
	}
	return nil
}

// until tries again while what is looked for is not there: nothing announces a change in
// a closed tree.
func (tab *Tab) until(what string, try func(context.Context) error, last *string) {
	tab.t.Helper()
	tab.Do(what, chromedp.ActionFunc(func(ctx context.Context) error {
		for {
			err := try(ctx)
			if !errors.Is(err, errAbsent) {
				return err
			}
			if err := backoff.Sleep(ctx, 50*time.Millisecond); err != nil {
				if last != nil {
					return errors.Join(errors.New(*last), err)
				}
				return err
			}
		}
	}))
}
