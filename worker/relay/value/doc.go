// Package value owns the way from the JSON that callers write to Go values and
// back, for any type that reflection can look into. It is the one place that
// knows the tags for what JSON loses: {"$date":…}, {"$number":…}, {"$type":…}.
//
// Towards Go: a JID is a string, a protobuf message is protojson, a time is
// RFC 3339, epoch milliseconds or {"$date":…}, a duration is Go text ("90s") or
// milliseconds, bytes are base64. Structs take their JSON tags or their Go
// field names, in any case. Every error is a fault.Invalid that names the path
// from the parameter down.
//
// It knows nothing of methods, clients or tables of names.
package value
