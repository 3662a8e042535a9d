// Package arrival takes an account of another program over HTTP: the body is its file, or
// an archive of its folder, and the answer is a new instance and a report.
//
// The body is written to a directory of its own, which is removed when the request ends,
// and read by another process (supervisor/moving/apart). One account is read at a time, as
// each may need much memory, and a user has one import under way at a time. Bodies come in
// beside each other: who sends slowly keeps nobody waiting.
//
// The package must not know what the forms look like.
package arrival
