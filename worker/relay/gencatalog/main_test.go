package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestCommittedCatalogIsCurrent(t *testing.T) {
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("..", "..", "..", "proto", "catalog", "methods.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("proto/catalog/methods.json is not what the table says; run go generate ./worker/relay")
	}
}
