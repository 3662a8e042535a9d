// Package extension is the browser extension that answers a passkey for a link page.
//
// WhatsApp's passkeys work in a tab of web.whatsapp.com only. The link page opens one
// with a request behind the # of its address. The extension's script takes the request
// out of the address before the page sees it, and asks the person: it names the site
// that gets the account, because any site can open such an address. After their click
// the browser asks for the passkey, and the answer goes to the site's link page. The
// extension has no permissions beside its script on that one host.
//
// The package must not know the server; it only packs the files in src.
package extension

import (
	"archive/zip"
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"time"
)

//go:embed src
var files embed.FS

// Zip returns the extension as browsers and their stores take it. The same source
// gives the same bytes: names are sorted, times are fixed, and nothing is compressed,
// because compressors differ from one version of Go to the next.
func Zip() ([]byte, error) {
	src, err := fs.Sub(files, "src")
	if err != nil {
		return nil, fmt.Errorf("open the sources: %w", err)
	}
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	err = fs.WalkDir(src, ".", func(name string, entry fs.DirEntry, err error) error { // in the order of names
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(src, name)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: name, Method: zip.Store, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
		header.SetMode(0o644)
		w, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pack the sources: %w", err)
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("end the archive: %w", err)
	}
	return out.Bytes(), nil
}
