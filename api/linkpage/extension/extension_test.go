package extension_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"testing"

	"whatsapp-manager/api/linkpage/extension"
)

func TestTheArchiveIsTheSameEachTime(t *testing.T) {
	first, err := extension.Zip()
	if err != nil {
		t.Fatal(err)
	}
	second, err := extension.Zip()
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("the second differs from the first: %v", err)
	}
	archive, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range archive.File {
		names = append(names, f.Name)
		if f.Modified.Year() != 1980 || f.Method != zip.Store {
			t.Errorf("%s: of %s, packed by method %d", f.Name, f.Modified, f.Method)
		}
	}
	if !slices.IsSorted(names) || !slices.Contains(names, "manifest.json") {
		t.Errorf("files: %v", names)
	}
}

// The browser's store and its users see what the extension asks for: nothing.
func TestTheExtensionAsksForNoPermission(t *testing.T) {
	packed, err := extension.Zip()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	file, err := archive.Open("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	var manifest map[string]json.RawMessage
	if err := json.Unmarshal(raw, &manifest); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"permissions", "host_permissions", "optional_permissions", "optional_host_permissions", "externally_connectable", "web_accessible_resources"} {
		if manifest[name] != nil {
			t.Errorf("it has %s: %s", name, manifest[name])
		}
	}
	var scripts []struct {
		Matches   []string `json:"matches"`
		AllFrames bool     `json:"all_frames"`
	}
	if err := json.Unmarshal(manifest["content_scripts"], &scripts); err != nil {
		t.Fatal(err)
	}
	if len(scripts) != 1 || !slices.Equal(scripts[0].Matches, []string{"https://web.whatsapp.com/*"}) || scripts[0].AllFrames {
		t.Errorf("it runs in %+v", scripts)
	}
}
