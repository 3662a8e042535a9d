// Package workerconn connects the manager to one worker and lets go of it again.
//
// A connection begins at the attach file in the worker's run directory. Verify
// compares what the worker wrote there with what the kernel says of the process.
// Dial then connects through go-plugin, says Hello and opens Watch. go-plugin's
// own Kill and Close are never called, because both end the worker.
//
// Conn.Worker keeps three promises: each error of its calls and streams is a
// fault.Error already (or io.EOF, at the end of a stream), each call has a
// deadline even when its context has none, and a failure of a call that was
// never handed to the worker says so. Streams have no deadline of ours.
//
// The package decides nothing: it does not know why a worker is connected to,
// nor what happens when it cannot be.
package workerconn
