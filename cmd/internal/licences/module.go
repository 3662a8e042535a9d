package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is one that is linked into a program.
type module struct {
	path, version string
	texts         []text // the licences first
}

// text is a file that says under which terms a module may be used.
type text struct {
	file    string // within the module
	licence string // SPDX identifier; empty for a notice
	body    string
}

// licences are all that the module names, in alphabetic order.
func (m module) licences() []string {
	var all []string
	for _, t := range m.texts {
		if t.licence != "" {
			all = append(all, t.licence)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// listed is what `go list` tells about a package.
type listed struct {
	Dir      string
	Standard bool
	Module   *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// linked lists the modules of which the program has a package, the standard
// library among them.
func linked(ctx context.Context, program string) ([]module, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,Standard,Module", program)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64") // the same list on every machine
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages of %s: %w: %s", program, err, complaint.String())
	}
	standard, err := standardLibrary(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]*module{standard.path: &standard}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read list of packages: %w", err)
		}
		if p.Standard || p.Module == nil || p.Module.Main {
			continue
		}
		m := found[p.Module.Path]
		if m == nil {
			m = &module{path: p.Module.Path, version: p.Module.Version}
			found[m.path] = m
		}
		if err := m.collect(p.Module.Dir, p.Dir); err != nil {
			return nil, err
		}
	}
	var all []module
	for _, m := range found {
		if len(m.licences()) == 0 {
			return nil, fmt.Errorf("%s %s has no licence", m.path, m.version)
		}
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return all, nil
}

// standardLibrary is under one licence as a whole. It has no version here: the
// toolchain is newer on one machine than on the next.
func standardLibrary(ctx context.Context) (module, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return module{}, fmt.Errorf("find the standard library: %w", err)
	}
	dir := strings.TrimSpace(string(root))
	m := module{path: "std", version: "of the Go toolchain"}
	return m, m.collect(dir, dir)
}

var (
	licenceFile = regexp.MustCompile(`(?i)^(un)?licen[cs]e([-_.].*)?$|^copying([-_.].*)?$|^patents$`)
	pictureFile = regexp.MustCompile(`(?i)[-_.]logo$`) // of a picture in the sources, which no program holds
	noticeFile  = regexp.MustCompile(`(?i)^notice([-_.].*)?$`)
)

// collect reads the texts that hold for a package: those in its directory and
// above, up to the module's root.
func (m *module) collect(root, dir string) error {
	for ; ; dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("read module: %w", err)
		}
		for _, entry := range entries {
			licence := licenceFile.MatchString(entry.Name())
			if !entry.Type().IsRegular() || filepath.Ext(entry.Name()) == ".go" || pictureFile.MatchString(entry.Name()) ||
				!licence && !noticeFile.MatchString(entry.Name()) {
				continue
			}
			if err := m.add(root, filepath.Join(dir, entry.Name()), licence); err != nil {
				return err
			}
		}
		if dir == root {
			return nil
		}
	}
}

func (m *module) add(root, path string, licence bool) error {
	name, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(m.texts, func(t text) bool { return t.file == name }) {
		return nil
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read licence: %w", err)
	}
	t := text{file: name, body: string(body)}
	if licence {
		if t.licence = classify(t.body); t.licence == "" {
			return fmt.Errorf("%s %s: %s is of a licence that is not known here", m.path, m.version, name)
		}
	}
	m.texts = append(m.texts, t)
	slices.SortFunc(m.texts, func(a, b text) int { return strings.Compare(a.file, b.file) })
	return nil
}
