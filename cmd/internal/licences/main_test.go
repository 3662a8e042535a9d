package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTheListsAreCurrent: a module that comes, goes or changes has to be in the
// committed lists.
func TestTheListsAreCurrent(t *testing.T) {
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			want, err := page(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			committed, err := os.ReadFile(filepath.Join("../../../deploy/licences", p.file()))
			if err != nil {
				t.Fatal(err)
			}
			if string(committed) != want {
				t.Error("the list is not what is linked; run make generate")
			}
		})
	}
}

// TestOnlyProgramsThatSpeakSignalAreUnderTheGPL: the manager may be handed on
// under the licence of our sources.
func TestOnlyProgramsThatSpeakSignalAreUnderTheGPL(t *testing.T) {
	for program, want := range map[string][]string{
		"whatsapp-manager": nil,
		"whatsapp-worker":  {"go.mau.fi/libsignal"},
		"wasim":            {"go.mau.fi/libsignal"},
	} {
		t.Run(program, func(t *testing.T) {
			modules, err := linked(t.Context(), "whatsapp-manager/cmd/"+program)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range modules {
				if slices.ContainsFunc(m.licences(), copyleft) {
					got = append(got, m.path)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("modules of the GPL's family: %v, want %v", got, want)
			}
		})
	}
}

func TestClassify(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining\na copy of this", "MIT"},
		{"   GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007 …", "GPL-3.0"},
		{"   GNU AFFERO GENERAL PUBLIC LICENSE\n   Version 3, 19 November 2007", "AGPL-3.0"},
		{"Mozilla Public License Version 2.0\n==\n" + strings.Repeat("x",
			titleWithin) + "GNU General Public License Version 3", "MPL-2.0"},
		{"Redistribution and use in source and binary forms … Neither the name of Google", "BSD-3-Clause"},
		{"Redistribution and use in source and binary forms, with or without", "BSD-2-Clause"},
		{"All rights reserved.", ""},
	} {
		t.Run(tc.want, func(t *testing.T) {
			if got := classify(tc.text); got != tc.want {
				t.Errorf("classified as %q", got)
			}
		})
	}
}
