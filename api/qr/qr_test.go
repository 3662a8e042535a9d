package qr

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"regexp"
	"strconv"
	"strings"
	"testing"

	qrcode "github.com/skip2/go-qrcode"
)

const payload = "2@Jq0l7S3nH0eYvYq9sV8Zt0q1mUuD3yq3h2mD0m3QY8m2p8o4r6QyQ1b3b0oO1pZk6o1w==,k0Qw8vYc9xvD4r8a1lq2e3YJ9mX6b2QmR0m8bXQ0d2c=,V1h9b7cQ2m5x8Y3k0r6t4w1z9p2s5v8y0B3e6H9k2n0=,rT5yU8iO0pA3sD6fG9hJ2kL5zX8cV1bN4mQ7wE0rT3y=,1"

// want is the layout by the library, which the formats must give back module by module.
func want(t *testing.T) [][]bool {
	q, err := qrcode.New(payload, qrcode.Low)
	if err != nil {
		t.Fatal(err)
	}
	return q.Bitmap()
}

func code(t *testing.T) *Code {
	c, err := New(payload)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func same(t *testing.T, got, want [][]bool) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for y := range want {
		for x := range want[y] {
			if got[y][x] != want[y][x] {
				t.Fatalf("module %d,%d differs", x, y)
			}
		}
	}
}

func grid(n int) [][]bool {
	g := make([][]bool, n)
	for i := range g {
		g[i] = make([]bool, n)
	}
	return g
}

func TestPNGHoldsEveryModule(t *testing.T) {
	url, err := code(t).DataURL(5)
	if err != nil {
		t.Fatal(err)
	}
	raw, ok := strings.CutPrefix(url, "data:image/png;base64,")
	if !ok {
		t.Fatalf("no data URL: %.40s", url)
	}
	b, err := base64.StdEncoding.DecodeString(raw)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	got := grid(img.Bounds().Dx() / 5)
	for y := range got {
		for x := range got {
			corner, _, _, _ := img.At(x*5, y*5).RGBA()
			opposite, _, _, _ := img.At(x*5+4, y*5+4).RGBA()
			if corner != opposite {
				t.Fatalf("module %d,%d is not one colour", x, y)
			}
			got[y][x] = corner == 0
		}
	}
	same(t, got, want(t))
}

func TestSVGHoldsEveryModule(t *testing.T) {
	w := want(t)
	got := grid(len(w))
	runs := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(string(code(t).SVG()), -1)
	for _, m := range runs {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		n, _ := strconv.Atoi(m[3])
		for i := range n {
			got[y][x+i] = true
		}
	}
	same(t, got, w)
}

func TestTextHoldsEveryModule(t *testing.T) {
	w := want(t)
	got := grid(len(w))
	for i, line := range strings.Split(strings.TrimSuffix(code(t).Text(), "\n"), "\n") {
		for x, r := range []rune(line) {
			got[2*i][x] = r == ' ' || r == '▄'
			if 2*i+1 < len(w) {
				got[2*i+1][x] = r == ' ' || r == '▀'
			}
		}
	}
	same(t, got, w)
}

func TestTooLongAText(t *testing.T) {
	if _, err := New(strings.Repeat("x", 4000)); err == nil {
		t.Error("no error")
	}
}
