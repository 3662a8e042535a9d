// Package qr draws a pairing code: as PNG, SVG, data URL, or text for a
// terminal. It knows nothing of WhatsApp; the text comes from the worker as it is.
package qr
