// Package confine takes away from a worker's process, for good, what it never needs,
// before it hears a word from outside. Whoever takes the worker over reaches the
// instance's own account and nothing else on this host.
//
//   - Privileges: no capability, no new privileges, no core dump (privileges.go).
//   - Files: its run directory, libraries, certificates, some files of /etc, its
//     own program, ffmpeg (files.go). No signals to other processes, no abstract sockets
//     of theirs. By Landlock.
//   - Network: TCP to WhatsApp's port, the database's, DNS, and a stand-in's; no
//     listening (network.go). By Landlock. What users name by URL comes through
//     proto/egress.
//   - System calls: no tracing, mounting, namespaces, keyrings, eBPF, io_uring,
//     modules and the like, no sockets of other families, nothing that changes
//     another process or its files where the kernel checks only the user id
//     (syscalls.go). By seccomp. Seal takes away listening as well, once the
//     worker's own sockets are open.
//
// Programs that the process executes are under the same limits. A kernel that lacks a
// part is reported, but it is no reason to end: users, modes and the other parts still
// hold.
//
// The package must not know what the worker does.
package confine
