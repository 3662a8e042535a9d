// Package worker is the process that speaks WhatsApp for one instance.
//
// A worker is launched detached, with a Bootstrap document on its standard
// input, and from then on belongs to nobody: a manager attaches through the
// socket that the attach file names, may die at any instruction and be followed
// by another one, and the worker goes on. It ends on its own decision only when
// it is asked to (Stop, SIGTERM), when another process holds its instance, or
// when the database says that a later worker took over.
//
// Three goroutines matter. The main loop owns the state of the link: a pure
// function (link.go) decides, the loop carries out, and everything that blocks
// (dialling, WhatsApp's answers, the database) happens elsewhere and reports
// back. whatsmeow's receive loop runs the handler, which returns only when the
// event is in Postgres, because WhatsApp hears our receipt when it returns true.
// The announcer writes session events (qr, ready, disconnected, …) to the feed.
//
// A connection is believed by its evidence only. It is dialled anew when nothing
// came for a minute, when two keep-alives had no answer, when a frame could not be
// read, and when it ended in the handshake, which whatsmeow does not notice. That
// holds while codes show, too: WhatsApp answers before the login, and the codes of
// a dead connection are replaced. A handler has four minutes, since whatsmeow goes
// on without it after five; then its event goes back to WhatsApp, and a handler
// that cannot be ended ends the process.
//
// The handler takes messages at a pace, and stands back behind other processes
// while more wait (pace.go), so that a flood into one account leaves the
// machine to the others; and the socket is not read while many stanzas wait
// for it (intake.go). Then WhatsApp keeps what comes, in order; that its answers
// to our keep-alives wait behind it is not taken for silence.
//
// Without the database nothing can be received safely. While it is away,
// statements wait instead of failing; when that takes long, the link is dropped
// so that WhatsApp keeps the messages, and rebuilt afterwards. A database without
// room is waited for in the same way.
//
// whatsmeow changes one Signal session on several goroutines at once; turns.go
// keeps them apart. libsignal spoils a session's other states when it looks for
// the one that opens a message; ratchet.go takes that back.
//
// A worker is of the same user as all others, and everything that it hears comes
// from strangers. So before it hears anything it gives up what it does not need
// (harden, confine): files beyond its run directory, new privileges, core dumps;
// and it answers one process only, the manager (gate). What a Hook of a test wants
// to read or change lies in the run directory, too.
//
// The package must not know the manager's packages, HTTP, or which methods can
// be called: those belong to worker/relay; what events mean for chats and
// messages belongs to worker/inbound and worker/mirror.
package worker
