package linkpage

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

// maxLogo is how many bytes a logo may have that stands in the request itself.
const maxLogo = 64 << 10

// check refuses what the page could not show, naming the field. What it lets pass can
// stand in a link and in a picture, and runs nothing there.
func check(p store.LinkPage) error {
	if p.RedirectURL != "" && !isWebAddress(p.RedirectURL) {
		return fault.Bad("linkpage.check", "redirectUrl", "redirectUrl must be an https:// address, without a user name in it")
	}
	if strings.ContainsFunc(p.BrandName, unicode.IsControl) {
		return fault.Bad("linkpage.check", "branding.name", "branding.name: a line break or another control character is not allowed")
	}
	return checkLogo(p.BrandLogo)
}

func isWebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil
}

func checkLogo(logo string) error {
	const op, field = "linkpage.check", "branding.logo"
	encoded, isData := strings.CutPrefix(logo, "data:")
	switch {
	case logo == "":
		return nil
	case !isData && (len(logo) > 2000 || !isWebAddress(logo)):
		return fault.Bad(op, field, "branding.logo must be an https:// address, or a picture as data:image/png;base64,…")
	case !isData:
		return nil
	}
	kind, encoded, ok := strings.Cut(encoded, ";base64,")
	if !ok || kind != "image/png" && kind != "image/jpeg" && kind != "image/webp" {
		return fault.Bad(op, field, "branding.logo: data must begin with data:image/png;base64, (or jpeg, webp)")
	}
	picture, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return fault.Bad(op, field, "branding.logo: the data is not base64")
	case len(picture) > maxLogo:
		return fault.Bad(op, field, "branding.logo: the picture has %d bytes, at most %d are allowed; give the https:// address of a larger one", len(picture), maxLogo)
	case http.DetectContentType(picture) != kind:
		return fault.Bad(op, field, "branding.logo: the data is no picture of the kind %s", kind)
	}
	return nil
}
