// Package process names, watches and signals processes of this host.
//
// A PID alone names nobody for long: the kernel gives it to another process as
// soon as the first one has ended. So a Process is pinned by a pidfd, an
// Identity adds the start time and the boot to the PID, and LockHolder asks the
// kernel who holds a record lock, which no file can tell.
//
// The manager, its private Postgres and the workers share this package. It
// knows nothing of any of them: it starts no process, and it decides nothing.
package process
