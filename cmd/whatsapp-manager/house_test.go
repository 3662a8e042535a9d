package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The measures of the house. A room that outgrows one is split along an idea.
const (
	maxFiles   = 25  // of code in a package
	maxFields  = 25  // of a struct
	maxLines   = 400 // of a file
	maxMethods = 6   // of an interface
)

// larger holds what may be larger, each with its reason.
var larger = map[string]string{
	"worker/shape.Message":       "the fields of whatsapp-web.js, as integrators read them",
	"worker/shape.Data":          "the fields of whatsapp-web.js, as integrators read them",
	"worker/shape.GroupMetadata": "the fields of whatsapp-web.js, as integrators read them",
	"api.InstanceView":           "the fields of an instance in the HTTP API",
}

// vague are names of packages that say nothing.
var vague = []string{"util", "utils", "common", "helper", "helpers", "types", "misc", "base", "shared"}

type source struct {
	path  string // relative to the module
	lines int
	file  *ast.File
}

// sources parses the module's files that people wrote.
func sources(t *testing.T) []source {
	t.Helper()
	const root = "../.."
	var all []source
	for _, top := range []string{"api", "cmd", "proto", "supervisor", "worker"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(file string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(file) != ".go" {
				return err
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			if !ast.IsGenerated(parsed) {
				name := strings.TrimPrefix(filepath.ToSlash(file), root+"/")
				all = append(all, source{name, bytes.Count(text, []byte("\n")), parsed})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 500 {
		t.Fatalf("only %d files found", len(all))
	}
	return all
}

func TestRoomsStaySmall(t *testing.T) {
	files := map[string]int{}
	complaints := []string{}
	used := map[string]bool{}
	complain := func(thing, format string, args ...any) {
		if larger[thing] != "" {
			used[thing] = true
			return
		}
		complaints = append(complaints, fmt.Sprintf("%s: %s", thing, fmt.Sprintf(format, args...)))
	}
	for _, s := range sources(t) {
		pkg := path.Dir(s.path)
		if slices.Contains(vague, path.Base(pkg)) {
			complain(pkg, "the name says nothing")
		}
		if !strings.HasSuffix(s.path, "_test.go") {
			files[pkg]++
		}
		if s.lines > maxLines {
			complain(s.path, "%d lines, at most %d", s.lines, maxLines)
		}
		for _, decl := range s.file.Decls {
			ast.Inspect(decl, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				switch x := spec.Type.(type) {
				case *ast.StructType:
					if n := x.Fields.NumFields(); n > maxFields {
						complain(pkg+"."+spec.Name.Name, "%d fields, at most %d", n, maxFields)
					}
				case *ast.InterfaceType:
					// One made of small ones is a list of them.
					if n := named(x.Methods); n > maxMethods {
						complain(pkg+"."+spec.Name.Name, "%d methods, at most %d", n, maxMethods)
					}
				}
				return true
			})
		}
	}
	for pkg, n := range files {
		if n > maxFiles {
			complain(pkg, "%d files of code, at most %d", n, maxFiles)
		}
	}
	for thing := range larger {
		if !used[thing] {
			complaints = append(complaints, thing+": is listed as larger, and is not")
		}
	}
	slices.Sort(complaints)
	for _, c := range complaints {
		t.Error(c)
	}
}

// Whoever uses a name reads its comment, and not its code.
func TestExportedNamesSayWhatTheyPromise(t *testing.T) {
	documented := map[string]bool{}
	packages := map[string]bool{}
	for _, s := range sources(t) {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		pkg := path.Dir(s.path)
		packages[pkg] = true
		documented[pkg] = documented[pkg] || s.file.Doc.Text() != ""
		if s.file.Name.Name == "main" {
			continue // nobody imports it
		}
		for _, name := range silent(s.file) {
			t.Errorf("%s: %s is exported without a comment", s.path, name)
		}
	}
	for pkg := range packages {
		if !documented[pkg] {
			t.Errorf("%s: the package has no comment", pkg)
		}
	}
}

// named counts the methods that stand in an interface by name, and not in an
// interface that it embeds.
func named(methods *ast.FieldList) int {
	n := 0
	for _, m := range methods.List {
		n += len(m.Names)
	}
	return n
}

// known are methods whose promise is that of a well-known interface.
var known = []string{"Error", "Unwrap", "String", "ServeHTTP"}

// silent lists the exported names of a file without a comment of their own or of
// their group.
func silent(file *ast.File) []string {
	var names []string
	note := func(id *ast.Ident, docs ...*ast.CommentGroup) {
		if id.IsExported() && !slices.ContainsFunc(docs, func(c *ast.CommentGroup) bool { return c.Text() != "" }) {
			names = append(names, id.Name)
		}
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type)) && !slices.Contains(known, d.Name.Name) {
				note(d.Name, d.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch x := spec.(type) {
				case *ast.TypeSpec:
					note(x.Name, d.Doc, x.Doc, x.Comment)
				case *ast.ValueSpec:
					for _, id := range x.Names {
						note(id, d.Doc, x.Doc, x.Comment)
					}
				}
			}
		}
	}
	return names
}

func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}

func TestTheMeasuresBite(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x
type T struct{}
func (T) Said() {}
// Kind is one.
type Kind int
const (
	A Kind = iota // the first
	B
)
func Loud() {}
func quiet() {}
type hidden struct{}
func (hidden) Read() {}
`, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := silent(file), []string{"T", "Said", "B", "Loud"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
