package main

import "strings"

// families are found by what their text says, those with the more special words
// first. A title is looked for at the beginning only: licences mention others.
var families = []struct {
	spdx   string
	title  bool
	phrase string
}{
	{"AGPL-3.0", true, "gnu affero general public license version 3"},
	{"LGPL-3.0", true, "gnu lesser general public license version 3"},
	{"LGPL-2.1", true, "gnu lesser general public license version 2.1"},
	{"GPL-3.0", true, "gnu general public license version 3"},
	{"GPL-2.0", true, "gnu general public license version 2"},
	{"MPL-2.0", true, "mozilla public license version 2.0"},
	{"MPL-2.0", true, "mozilla public license, version 2.0"},
	{"Apache-2.0", true, "apache license version 2.0"},
	{"Apache-2.0", true, "licensed under the apache license, version 2.0"},
	{"Unlicense", false, "this is free and unencumbered software released into the public domain"},
	{"public domain (SQLite)", false, "sqlite is public domain"},
	{"CC0-1.0", true, "cc0 1.0 universal"},
	{"BSD-3-Clause", false, "neither the name of"},
	{"BSD-3-Clause", false, "names of its contributors may not be used to endorse or promote"},
	{"BSD-2-Clause", false, "redistribution and use in source and binary forms"},
	{"MIT", false, "permission is hereby granted, free of charge, to any person obtaining a copy"},
	{"ISC", false, "permission to use, copy, modify, and/or distribute this software for any purpose"},
	{"ISC", false, "permission to use, copy, modify, and distribute this software for any purpose"},
	{"Go patent grant", true, "additional ip rights grant (patents)"},
}

// titleWithin is where a title stands.
const titleWithin = 400

// classify names the licence of a text by its SPDX identifier, or returns "" when
// it is none that is known here.
func classify(body string) string {
	body = strings.ToLower(strings.Join(strings.Fields(body), " "))
	beginning := body[:min(len(body), titleWithin)]
	for _, f := range families {
		where := body
		if f.title {
			where = beginning
		}
		if strings.Contains(where, f.phrase) {
			return f.spdx
		}
	}
	return ""
}

// copyleft tells whether a licence is of the GPL's family, which asks for the
// sources of the whole program.
func copyleft(spdx string) bool { return strings.Contains(spdx, "GPL") }
