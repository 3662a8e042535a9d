// Package docs is the documentation of the API: a page for people, and what the
// catalog of methods adds to the OpenAPI document.
//
// The page is Scalar, which is embedded. It works without the Internet and sends
// nothing elsewhere. The package must not know who asks, and no instance, worker
// or database: it shows the document that it is given.
package docs

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	_ "embed" // the page and its script
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.js
	script []byte
	// scalar is packed: browsers take it as it is.
	//go:embed scalar/standalone.js.gz
	scalar []byte

	page = template.Must(template.New("page").Parse(pageText))

	// etag is made when the page is first read, and not whenever the program starts.
	etag = sync.OnceValue(func() string {
		sum := sha256.Sum256(scalar)
		return `"` + hex.EncodeToString(sum[:16]) + `"`
	})
)

// policy lets the page load its own scripts and call the API. Styles are its own,
// or have the nonce of this answer; see page.js. Pictures and fonts may stand in
// the styles themselves.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-%s'; img-src 'self' data:; font-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Routes adds the OpenAPI document and the page that shows it.
func Routes(e *echo.Echo, title string, document []byte) {
	e.GET("/openapi.json", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/openapi+json", document)
	})
	e.GET("/docs", func(c echo.Context) error {
		nonce := rand.Text()
		var out bytes.Buffer
		if err := page.Execute(&out, struct{ Title, Nonce string }{title, nonce}); err != nil {
			return fmt.Errorf("fill the page: %w", err)
		}
		c.Response().Header().Set("Content-Security-Policy", fmt.Sprintf(policy, nonce))
		return c.HTMLBlob(http.StatusOK, out.Bytes())
	})
	e.GET("/docs/page.js", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "text/javascript; charset=utf-8", script)
	})
	e.GET("/docs/scalar.js", serveScalar)
}

func serveScalar(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Cache-Control", "public, max-age=86400")
	h.Set("ETag", etag())
	h.Add("Vary", "Accept-Encoding")
	if c.Request().Header.Get("If-None-Match") == etag() {
		return c.NoContent(http.StatusNotModified)
	}
	const kind = "text/javascript; charset=utf-8"
	if strings.Contains(c.Request().Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		return c.Blob(http.StatusOK, kind, scalar)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(scalar))
	if err != nil {
		return fmt.Errorf("unpack the page's script: %w", err)
	}
	h.Set("Content-Type", kind)
	c.Response().WriteHeader(http.StatusOK)
	_, err = io.Copy(c.Response(), unpacked) //nolint:gosec // the archive is our own, embedded
	return err
}
