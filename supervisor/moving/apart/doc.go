// Package apart reads strangers' files in a process of its own. A file may be made to break
// whoever reads it: SQLite and archives are large formats. The process can lose nothing but
// itself: it has no connection, sees no files but those it reads, and its memory and time
// are bounded. What it says is checked again by whoever asked.
//
// The account comes back in parts, by way of a file without a name, so that whoever asked
// holds one part at a time.
//
// The package must not know the database or HTTP.
package apart
