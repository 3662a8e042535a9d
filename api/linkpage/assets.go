package linkpage

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"whatsapp-manager/api/linkpage/extension"
)

// policy lets the page load its own scripts and styles and ask this server. Pictures
// may be the QR code and an operator's logo.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

//go:embed page
var pageFiles embed.FS

// asset is a file of the page.
type asset struct {
	kind, etag string
	data       []byte
}

// assets has the files by name. It is made when the page is first read.
var assets = sync.OnceValues(func() (map[string]asset, error) {
	all := map[string]asset{}
	add := func(name string, data []byte) {
		sum := sha256.Sum256(data)
		all[name] = asset{kind: kindOf(name), etag: `"` + hex.EncodeToString(sum[:16]) + `"`, data: data}
	}
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		return nil, fmt.Errorf("open the page: %w", err)
	}
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		add(name, data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	packed, err := extension.Zip()
	if err != nil {
		return nil, fmt.Errorf("pack the extension: %w", err)
	}
	add("extension.zip", packed)
	return all, nil
})

// kindOf does not ask the machine's own table, which may differ.
func kindOf(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".zip":
		return "application/zip"
	default:
		return mime.TypeByExtension(ext)
	}
}

func assetRoutes(e *echo.Echo) {
	e.GET("/link", func(c echo.Context) error {
		// Relative, for servers below a path. The browser keeps what stands behind the #.
		c.Response().Header().Set(echo.HeaderLocation, "link/")
		return c.NoContent(http.StatusFound)
	})
	serve := func(c echo.Context) error {
		all, err := assets()
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(c.Param("*"), "/")
		if name == "" {
			name = "index.html"
		}
		file, ok := all[name]
		if !ok {
			return echo.ErrNotFound
		}
		h := c.Response().Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", file.etag)
		if c.Request().Header.Get("If-None-Match") == file.etag {
			return c.NoContent(http.StatusNotModified)
		}
		return c.Blob(http.StatusOK, file.kind, file.data)
	}
	e.GET("/link/*", serve)
	e.HEAD("/link/*", serve)
}
