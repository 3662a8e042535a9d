package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// program is one that is handed out.
type program struct {
	name string
	note string // about the program as a whole
}

var programs = []program{
	{"whatsapp-manager", "The program links no module under the GPL, the LGPL or the AGPL."},
	{"whatsapp-worker", combined},
	{"wasim", combined},
}

const combined = "The program links go.mau.fi/libsignal, which is under the GPL-3.0. Our own sources stay under the MIT licence. But\n" +
	"the program is a combined work: whoever hands on a copy of it has to follow the GPL-3.0, which asks to offer the\n" +
	"sources of the whole program."

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: licences DIRECTORY")
		os.Exit(2)
	}
	for _, p := range programs {
		text, err := page(context.Background(), p)
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Args[1], p.file()), []byte(text), 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "licences:", err)
			os.Exit(1)
		}
	}
}

func (p program) file() string { return p.name + ".md" }

// page is everything about one program.
func page(ctx context.Context, p program) (string, error) {
	modules, err := linked(ctx, "whatsapp-manager/cmd/"+p.name)
	if err != nil {
		return "", err
	}
	return render(p, modules), nil
}
