// Command gencatalog writes proto/catalog/methods.json: the methods of a worker,
// with the names and first sentences that only whatsmeow's source has.
// Run by go generate in worker/relay; a test keeps the committed file current.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/reflected"
	"whatsapp-manager/worker/relay/wwebjs"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gencatalog:", err)
		os.Exit(1)
	}
}

func run() error {
	data, err := generate()
	if err != nil {
		return err
	}
	root, err := goList("{{.Module.Dir}}", "whatsapp-manager/proto/catalog")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, "proto", "catalog", "methods.json"), data, 0o644)
}

// generate returns the catalog as one method a line.
func generate() ([]byte, error) {
	sources, err := readSources()
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	buf.WriteString("[\n")
	methods := append(relay.Methods(wwebjs.Rows()), reflected.New(catalog.Opened{})...)
	for i, m := range relay.Catalog(methods) {
		if m.Family == catalog.Whatsmeow {
			if err := describe(&m, sources); err != nil {
				return nil, err
			}
		}
		line, err := encode(m)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", m.Name, err)
		}
		if i > 0 {
			buf.WriteString(",\n")
		}
		buf.Write(line)
	}
	buf.WriteString("\n]\n")
	return buf.Bytes(), nil
}

func encode(m catalog.Method) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(buf.Bytes()), nil
}

// source is what the text of a method tells beyond its type.
type source struct {
	params []string // without the context
	doc    string   // first sentence
}

func describe(m *catalog.Method, sources map[string]source) error {
	src, ok := sources[strings.TrimPrefix(m.Name, "whatsmeow.")]
	if !ok {
		return fmt.Errorf("%s is not in the source of whatsmeow", m.Name)
	}
	if len(src.params) != len(m.Params) {
		return fmt.Errorf("%s has %d parameters in the source and %d by reflection", m.Name, len(src.params), len(m.Params))
	}
	m.Doc = src.doc
	for i := range m.Params {
		m.Params[i].Name = src.params[i]
	}
	return nil
}

// readSources parses the methods of *whatsmeow.Client.
func readSources() (map[string]source, error) {
	dir, err := goList("{{.Dir}}", "go.mau.fi/whatsmeow")
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	found := map[string]source{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse whatsmeow: %w", err)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && receiver(f) == "Client" && f.Name.IsExported() {
				found[f.Name.Name] = read(f)
			}
		}
	}
	return found, nil
}

func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) != 1 {
		return ""
	}
	star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
	if !ok {
		return ""
	}
	name, _ := star.X.(*ast.Ident)
	if name == nil {
		return ""
	}
	return name.Name
}

func read(f *ast.FuncDecl) source {
	src := source{doc: new(doc.Package).Synopsis(f.Doc.Text())}
	for i, field := range f.Type.Params.List {
		if sel, ok := field.Type.(*ast.SelectorExpr); ok && i == 0 && sel.Sel.Name == "Context" {
			continue
		}
		for _, name := range field.Names {
			src.params = append(src.params, name.Name)
		}
	}
	return src
}

// goList asks the go command where a package is.
func goList(format, pkg string) (string, error) {
	out, err := exec.Command("go", "list", "-f", format, pkg).Output()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", pkg, err)
	}
	return strings.TrimSpace(string(out)), nil
}
