// Package rpc answers the manager's calls to one worker.
//
// The server is go-plugin's around one gRPC server, and lets in only processes that its
// gate admits. The service answers the calls of proto worker.v1 and hands the work on:
// method calls to the table, pairing and logout to the main loop. Status is what Watch
// shows: the link and the head of the feed.
//
// Errors are *fault.Error. Their causes are logged here and go no further.
//
// The package must not know whatsmeow, the database, or how the link is kept.
package rpc
