package chromium

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// names are how systems call the program. Chrome itself is not among them: it loads no
// extension that a command names.
var names = []string{"chromium", "chromium-browser"}

// Options are what a browser is started with.
type Options struct {
	Language  string              // of its user; default en-US
	Extension string              // directory of an unpacked extension; empty: none
	Hosts     map[string]string   // leads host:port to another host:port
	Trusted   []*x509.Certificate // are believed, whoever has signed them
}

// Browser is a running Chromium with a profile of its own.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// Start starts a browser, which ends with the test.
func Start(t testing.TB, o Options) *Browser {
	t.Helper()
	program := find(t)
	if o.Language == "" {
		o.Language = "en-US"
	}
	profile, err := os.MkdirTemp("", "wam-chromium")
	if err != nil {
		t.Fatalf("make a profile: %v", err)
	}
	flags := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(profile), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.WSURLReadTimeout(time.Minute),
		chromedp.Flag("headless", "new"), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", o.Language),
		chromedp.Flag("accept-lang", o.Language), chromedp.Env("LANGUAGE=" + o.Language),
	}
	if os.Getuid() == 0 {
		flags = append(flags, chromedp.NoSandbox) // root has none
	}
	if o.Extension != "" {
		flags = append(flags, chromedp.Flag("load-extension", o.Extension), chromedp.Flag("disable-extensions-except", o.Extension))
	}
	var rules, believed []string
	for from, to := range o.Hosts {
		rules = append(rules, "MAP "+from+" "+to)
	}
	for _, c := range o.Trusted {
		sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		believed = append(believed, base64.StdEncoding.EncodeToString(sum[:]))
	}
	if rules != nil {
		flags = append(flags, chromedp.Flag("host-resolver-rules", strings.Join(rules, ",")))
	}
	if believed != nil {
		flags = append(flags, chromedp.Flag("ignore-certificate-errors-spki-list", strings.Join(believed, ",")))
	}
	allocated, free := chromedp.NewExecAllocator(t.Context(), flags...)
	ctx, end := chromedp.NewContext(allocated, chromedp.WithErrorf(complain))
	t.Cleanup(func() {
		// The test's own context has ended by now, and the browser with it.
		end()
		free()
		removeProfile(t, profile)
	})
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	return &Browser{t: t, ctx: ctx}
}

// removeProfile removes a profile. Processes of the browser that outlive it by a moment still write
// there, so one try may not be enough.
func removeProfile(t testing.TB, profile string) {
	t.Helper()
	err := errors.New("not tried")
	for until := time.Now().Add(20 * time.Second); err != nil && time.Now().Before(until); {
		if err = os.RemoveAll(profile); err != nil {
			time.Sleep(20 * time.Millisecond) // nothing tells when they are gone
		}
	}
	if err != nil {
		t.Errorf("remove the browser's profile: %v", err)
	}
}

// complain leaves out that the browser knows events which the library does not.
func complain(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); !strings.HasPrefix(line, "unhandled") {
		log.Print("chromedp: ", line)
	}
}

func find(t testing.TB) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "Chromium is not installed")
	return ""
}

// missing skips the test, unless somebody relies on it.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Tab is a tab of a browser.
type Tab struct {
	t      testing.TB
	ctx    context.Context
	Errors *Errors // what the page has complained of
}

// Look is how a tab shows a page.
type Look struct {
	Width, Height int64
	Dark          bool
}

// Open opens an address in a new tab, which ends with the test.
func (b *Browser) Open(address string) *Tab {
	b.t.Helper()
	tab := b.tab()
	tab.Do("open the page", chromedp.Navigate(address))
	return tab
}

// Follow returns the next tab that a page opens by itself. Call it before the click.
func (tab *Tab) Follow() func() *Tab {
	opened := chromedp.WaitNewTarget(tab.ctx, func(*targetInfo) bool { return true })
	return func() *Tab {
		tab.t.Helper()
		select {
		case id := <-opened:
			ctx, end := chromedp.NewContext(tab.ctx, chromedp.WithTargetID(id))
			tab.t.Cleanup(end)
			return newTab(tab.t, ctx)
		case <-time.After(patience):
			tab.t.Fatal("no tab was opened")
			return nil
		}
	}
}

func (b *Browser) tab() *Tab {
	ctx, end := chromedp.NewContext(b.ctx)
	b.t.Cleanup(end)
	return newTab(b.t, ctx)
}

func newTab(t testing.TB, ctx context.Context) *Tab {
	t.Helper()
	tab := &Tab{t: t, ctx: ctx, Errors: &Errors{}}
	chromedp.ListenTarget(ctx, tab.Errors.hear)
	// Not with a deadline: the tab lives as long as the context of what is done first.
	// In front it has the focus, which passkeys need, and is drawn at once.
	if err := chromedp.Run(ctx, runtime.Enable(), page.BringToFront()); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	return tab
}

// patience is how long a test waits for what has to come.
const patience = 60 * time.Second

// Do does what the actions say; the test ends when they fail or take too long.
func (tab *Tab) Do(what string, actions ...chromedp.Action) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		tab.t.Fatalf("%s: %v\n%s", what, err, tab.shown())
	}
}

// See waits until a text is on the page.
func (tab *Tab) See(text string) {
	tab.t.Helper()
	var all string
	tab.until("see "+text, func(ctx context.Context) error {
		err := chromedp.Evaluate(`document.body?.innerText ?? ""`, &all).Do(ctx)
		if err == nil && !strings.Contains(all, text) {
			return errAbsent
		}
		return err
	}, nil)
}

// Click clicks what the selector names, once it can be clicked.
func (tab *Tab) Click(selector string) {
	tab.t.Helper()
	tab.Do("click "+selector, chromedp.WaitEnabled(selector, chromedp.ByQuery), chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}

// Press clicks the button or link with that text.
func (tab *Tab) Press(text string) {
	tab.t.Helper()
	path := fmt.Sprintf(`//*[self::button or self::a or self::summary][normalize-space()=%q]`, text)
	tab.Do("press "+text, chromedp.WaitEnabled(path, chromedp.BySearch), chromedp.Click(path, chromedp.BySearch, chromedp.NodeVisible))
}

// Type types into the field that the selector names.
func (tab *Tab) Type(selector, text string) {
	tab.t.Helper()
	tab.Do("type into "+selector, chromedp.SendKeys(selector, text, chromedp.ByQuery))
}

// Value evaluates an expression, which may be a promise, and leaves its value in v.
func (tab *Tab) Value(expression string, v any) {
	tab.t.Helper()
	tab.Do("evaluate", chromedp.Evaluate(expression, v, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
}

// Show gives the tab a size and a theme.
func (tab *Tab) Show(l Look) {
	tab.t.Helper()
	scheme := "light"
	if l.Dark {
		scheme = "dark"
	}
	tab.Do("set the look", emulation.SetDeviceMetricsOverride(l.Width, l.Height, 1, false),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
}

// Picture writes a picture of the whole page to a file.
func (tab *Tab) Picture(file string) {
	tab.t.Helper()
	var png []byte
	tab.Do("take a picture", chromedp.ActionFunc(func(ctx context.Context) (err error) {
		png, err = page.CaptureScreenshot().WithCaptureBeyondViewport(true).Do(ctx)
		return err
	}))
	if err := os.WriteFile(file, png, 0o600); err != nil {
		tab.t.Fatal(err)
	}
}

// Close ends the tab.
func (tab *Tab) Close() { _ = chromedp.Cancel(tab.ctx) }

// shown is what the page says, for the report of a failure.
func (tab *Tab) shown() string {
	ctx, cancel := context.WithTimeout(tab.ctx, 5*time.Second)
	defer cancel()
	var text string
	if err := chromedp.Run(ctx, chromedp.Evaluate(`location.href.replace(/#.*/, "#…") + "\n" + document.body?.innerText`, &text)); err != nil {
		return err.Error()
	}
	return text + "\n" + tab.Errors.String()
}
