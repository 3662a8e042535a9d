// Whatsapp-worker speaks WhatsApp for one instance. It is launched by
// whatsapp-manager, which writes the bootstrap document to its standard input.
package main

import (
	"context"
	"os"

	"whatsapp-manager/worker"
)

// Build is the version reported to the manager, set with -ldflags "-X main.Build=…".
var Build string

func main() {
	os.Exit(worker.Main(context.Background(), os.Args[1:], os.Stdin, worker.Options{Build: Build}))
}
