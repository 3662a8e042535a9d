package decode

import (
	"archive/zip"
	"encoding/xml"
	"io"
)

const (
	// officeProperties is where Office keeps what it has counted (ECMA-376 part 1, §15.2.12.3).
	officeProperties = "docProps/app.xml"
	maxProperties    = 256 << 10
)

// officePages is the number of pages of a DOCX, or of slides of a PPTX, as the program that
// wrote the file has counted them.
func officePages(file *io.SectionReader) int {
	archive, err := zip.NewReader(file, file.Size())
	if err != nil {
		return 0
	}
	for _, part := range archive.File {
		if part.Name != officeProperties {
			continue
		}
		content, err := part.Open()
		if err != nil {
			return 0
		}
		var counted struct{ Pages, Slides int }
		if err := xml.NewDecoder(io.LimitReader(content, maxProperties)).Decode(&counted); err != nil {
			return 0
		}
		if n := max(counted.Pages, counted.Slides); n > 0 && n <= maxPages {
			return n
		}
		return 0
	}
	return 0
}
