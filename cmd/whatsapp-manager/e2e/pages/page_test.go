package pages

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the top of the repository.
const root = "../../../.."

// block is a fenced block of a page.
type block struct {
	line     int    // of its first line of text
	language string // what stands behind the fence: sh, console, json, text
	text     string
	setup    string // commands of the <!-- setup … --> comments before it
}

// page is a Markdown file, taken apart.
type page struct {
	name   string // path from the root
	lines  []string
	blocks []block
}

// lastPages run after all others: two move the demo's account away, the last one
// ends the demo.
var lastPages = []string{"deploy/docs/backup.md", "deploy/docs/moving.md", "deploy/docs/running.md"}

// runnable are the pages whose command blocks run, in the order in which they do.
func runnable(t *testing.T) []page {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "deploy/docs/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"README.md"}
	for _, path := range found {
		if name := "deploy/docs/" + filepath.Base(path); !slices.Contains(lastPages, name) {
			names = append(names, name)
		}
	}
	return read(t, append(names, lastPages...)...)
}

// written are all pages that people write and read.
func written(t *testing.T) []page {
	t.Helper()
	names := []string{"api/COMPATIBILITY.md"}
	for _, pattern := range []string{".github/*.md", ".github/DECISIONS/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, filepath.ToSlash(name))
		}
	}
	return append(runnable(t), read(t, names...)...)
}

func read(t *testing.T, names ...string) []page {
	t.Helper()
	pages := make([]page, len(names))
	for i, name := range names {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if pages[i], err = parse(name, string(text)); err != nil {
			t.Fatal(err)
		}
	}
	return pages
}

var (
	fence = regexp.MustCompile("^ {0,3}```(.*)$")
	setup = regexp.MustCompile(`^<!-- setup(.*)$`)
)

// parse finds the blocks of a page.
func parse(name, text string) (page, error) {
	p := page{name: name, lines: strings.Split(text, "\n")}
	var open *block
	var hidden []string // setup of the next block
	inSetup := false
	for i, line := range p.lines {
		switch {
		case open != nil:
			if strings.TrimSpace(line) == "```" {
				p.blocks = append(p.blocks, *open)
				open = nil
				continue
			}
			open.text += line + "\n"
		case inSetup:
			before, _, ends := strings.Cut(line, "-->")
			hidden = append(hidden, before)
			inSetup = !ends
		case setup.MatchString(line):
			before, _, ends := strings.Cut(setup.FindStringSubmatch(line)[1], "-->")
			hidden = append(hidden, before)
			inSetup = !ends
		case fence.MatchString(line):
			language := strings.TrimSpace(fence.FindStringSubmatch(line)[1])
			if language == "" {
				return p, fmt.Errorf("%s:%d: a block without a language: sh runs, console does not", name, i+1)
			}
			open = &block{line: i + 2, language: language, setup: strings.Join(hidden, "\n")}
			hidden = nil
		}
	}
	if open != nil || inSetup || len(hidden) > 0 {
		return p, fmt.Errorf("%s: a block or a setup comment has no end, or no block follows it", name)
	}
	return p, nil
}

// prose returns the lines outside of blocks, with their numbers from 1.
func (p page) prose() func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		inBlock := false
		for i, line := range p.lines {
			if fence.MatchString(line) {
				inBlock = !inBlock
				continue
			}
			if !inBlock && !yield(i+1, line) {
				return
			}
		}
	}
}

// commands are the blocks that run.
func (p page) commands() []block {
	return slices.DeleteFunc(slices.Clone(p.blocks), func(b block) bool {
		return b.language != "sh" && b.language != "bash"
	})
}
