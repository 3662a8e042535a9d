// Package reflected is the methods of *whatsmeow.Client, found by reflection: their
// parameters are read by their Go types, and what they return is written as JSON.
// Package policy decides which of them may be called, and with which values.
//
// A few methods are replaced (replaced.go): after them the worker has something to
// record, or it has its own way of doing their work.
//
// It must not know the methods of whatsapp-web.js.
package reflected
