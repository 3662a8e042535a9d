// Package worker is the process that speaks WhatsApp for one instance.
//
// A worker is launched detached, with a Bootstrap document on its standard input. From
// then on it belongs to no manager: one attaches through the socket that the attach file
// names, may die at any instruction and be followed by another one, and the worker goes
// on. It ends by its own decision only when it is asked to (Stop, SIGTERM), when another
// process holds its instance, or when the database says that a later worker took over.
//
// Three goroutines matter. The main loop (core.go) owns the state of the link. A pure
// function (package link) decides, the loop carries out, and everything that blocks
// (dialling, WhatsApp's answers, the database) happens elsewhere and reports back by a
// message (message.go). whatsmeow's receive loop runs the handler (receive.go), which
// returns only when the event is in Postgres, because WhatsApp gets our receipt when the
// handler returns true. The announcer writes link events (qr, ready, disconnected,
// ...) to the feed.
//
// A connection is trusted by its evidence only. It is dialled anew when nothing came for
// a minute, when two keep-alives had no answer, when a frame could not be read, and when
// it ended in the handshake, which whatsmeow does not notice. The same holds while codes
// are shown: WhatsApp answers before the login, too, and the codes of a dead connection
// are replaced. A handler has four minutes, because whatsmeow goes on without it after
// five. Then its event goes back to WhatsApp, and a handler that does not end by then
// ends the process.
//
// The handler takes messages at a limited pace, and lowers the priority of its process
// while more of them wait, so that a flood into one account leaves the machine to the
// others (pace.go). The socket is not read while many stanzas wait (package client). Then
// WhatsApp keeps the rest, in order. Its answers to our keep-alives wait behind that
// rest, and so their absence is not taken for silence.
//
// Without the database nothing can be received safely. While it is away, statements wait
// instead of failing (package pgretry). After a while the link is dropped, so that
// WhatsApp keeps the messages, and it is made again when the database is back. A
// database without room is waited for in the same way.
//
// All workers run as one user, and everything that a worker hears comes from strangers.
// So before it hears anything it gives up whatever it does not need (package confine):
// files beyond its run directory, new privileges, core dumps. It answers one process
// only, the manager. Files that a Hook of a test wants to use lie in the run directory,
// too.
//
// The package must not know the manager's packages, HTTP, or which methods can be
// called. The methods belong to worker/relay. The meaning of events for chats and
// messages belongs to worker/inbound and worker/mirror.
package worker
