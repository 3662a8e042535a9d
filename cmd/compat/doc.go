// Command compat calls every method of whatsapp-web.js that makes sense over HTTP,
// by name, and looks for its effect: at the other side, or in later answers. It
// uses the public API only, and drives the phones through the simulator's control
// API. It writes the report api/COMPATIBILITY.md.
package main
