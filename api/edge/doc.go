// Package edge judges what a request says about the way it came: the host it
// is meant for, and the address it was forwarded from.
package edge
