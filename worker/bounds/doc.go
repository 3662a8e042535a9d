// Package bounds limits what a worker takes from outside: the memory for the files of
// all calls (Budget), the bytes of downloads (Transport, whose limits travel in
// contexts), and the size of compressed documents once they are unpacked (Inflate,
// Cost). It trusts no size that somebody claims.
package bounds
