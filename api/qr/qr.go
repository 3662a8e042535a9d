package qr

import (
	"encoding/base64"
	"fmt"
	"strings"

	qrcode "github.com/skip2/go-qrcode"
)

// Code is a text laid out as modules, quiet zone of four modules included.
type Code struct{ modules [][]bool }

// New lays the text out with error correction level L, as WhatsApp Web does:
// the codes are long and are read from a screen. It fails when the text is too
// long for any code (2953 bytes).
func New(text string) (*Code, error) {
	q, err := qrcode.New(text, qrcode.Low)
	if err != nil {
		return nil, fmt.Errorf("lay out code: %w", err)
	}
	return &Code{modules: q.Bitmap()}, nil
}

// SVG returns a drawing of one path on white that scales to any size.
func (c *Code) SVG() []byte {
	n := len(c.modules)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="`, n, n, n, n)
	for y, row := range c.modules {
		for x := 0; x < n; x++ {
			if !row[x] {
				continue
			}
			run := 1
			for x+run < n && row[x+run] {
				run++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x, y, run, run)
			x += run
		}
	}
	b.WriteString(`"/></svg>`)
	return []byte(b.String())
}

// ForScreens is pixels to the module for a picture on a page: about 400 pixels in all for
// WhatsApp's codes.
const ForScreens = 6

// DataURL returns the PNG as it stands in an <img src>.
func (c *Code) DataURL(scale int) (string, error) {
	png, err := c.PNG(scale)
	if err != nil {
		return "", err
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(png), nil
}

// Text draws two rows of modules in one line of half blocks, light on dark as
// terminals mostly are: the blocks are the light modules.
func (c *Code) Text() string {
	var b strings.Builder
	n := len(c.modules)
	for y := 0; y < n; y += 2 {
		for x := range n {
			upper, lower := !c.modules[y][x], y+1 >= n || !c.modules[y+1][x]
			switch {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
