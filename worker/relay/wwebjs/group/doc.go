// Package group is the methods of whatsapp-web.js that are about groups: what a
// group is, who is in it, and how people come in.
//
// It must not know the other rows.
package group
