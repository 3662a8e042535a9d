// Package arrival takes an account of another program over HTTP: the body is its file, or
// an archive of its folder, and the answer is a new instance and a report.
//
// The body is written to a directory of its own, which is removed when the request ends,
// and read by another process (supervisor/moving/apart). One import runs at a time: each
// may need as much memory as the body is large, several times over.
//
// The package must not know what the forms look like.
package arrival
