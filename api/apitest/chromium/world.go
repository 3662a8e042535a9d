package chromium

import (
	"context"
	"encoding/json"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// evaluateApart evaluates an expression in a world beside the page's own, which sees the
// same elements.
func evaluateApart(ctx context.Context, expression string, v any) error {
	tree, err := page.GetFrameTree().Do(ctx)
	if err != nil {
		return err
	}
	world, err := page.CreateIsolatedWorld(tree.Frame.ID).WithWorldName("test").Do(ctx)
	if err != nil {
		return err
	}
	value, thrown, err := runtime.Evaluate(expression).WithContextID(world).WithAwaitPromise(true).WithReturnByValue(true).Do(ctx)
	switch {
	case err != nil:
		return err
	case thrown != nil:
		return thrown
	case v == nil:
		return nil
	}
	return json.Unmarshal(value.Value, v)
}
