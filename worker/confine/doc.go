// Package confine takes from a worker's process, for good, what it never needs,
// before it hears a word from outside: whoever takes the worker over gets at the
// instance's own account and at nothing else on this host.
//
//   - Privileges: no capability, no new privileges, no core dump (privileges.go).
//   - Files: its run directory, libraries, certificates, some files of /etc, its
//     own program, ffmpeg (files.go). Signals and abstract sockets of others. By Landlock.
//   - Network: TCP to WhatsApp's port, the database's, DNS, and a stand-in's; no
//     listening (network.go). By Landlock. What users name by URL comes through
//     proto/egress.
//   - System calls: no tracing, mounting, namespaces, keyrings, eBPF, io_uring,
//     modules and the like, no sockets of other families, nothing that changes
//     another process or another's files where only the user id is asked
//     (syscalls.go). By seccomp. Seal takes away listening as well, once the
//     worker's own sockets are open.
//
// What the process executes is under all of it too. A kernel that lacks a part is
// reported, and no reason to end: users, modes and the other parts still hold.
package confine
