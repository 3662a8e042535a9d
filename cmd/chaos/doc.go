// Command chaos lets an installation with paired accounts run under load, breaks
// what can break in a random order, and counts: did every message arrive, once?
//
// # What runs
//
// Real manager, worker and Postgres processes; the simulator in this process. The
// worker is this program, built anew, for the sake of its leak. Each
// instance has a contact who writes numbered texts to it, and a client of the API
// who sends numbered texts to the contact with an Idempotency-Key. Three of four
// sends are repeated with their key until they succeed, the fourth is never
// repeated. Every third goes by the queue instead (queue.go): to be sent at once or
// seconds later; half of those are taken back, well before they are due or when they
// may be on their way, and one in five is never repeated. A webhook receiver checks every signature and keeps a ledger, and a
// reader per instance follows the event stream and resumes it by Last-Event-ID.
//
// # What goes wrong
//
// The schedule (schedule.go) follows from the seed alone; -plan prints it. Its
// tracks run side by side, within one the faults follow each other:
//
//	host    the manager is killed or gets SIGTERM, and a new one starts; Postgres
//	        shuts down fast or immediately; the disk with the data is full for a
//	        while (where a file system of its own may be mounted); another build
//	        of manager and worker is installed, and the manager goes over to it by
//	        SIGHUP or by SIGTERM and a start
//	worker  one is killed, stopped (SIGSTOP) for a while, or made to eat memory
//	link    an account's connection is reset, torn within a frame, closed, stalled,
//	        silent for good, slow, sends garbage, a stream error or the stream's
//	        end; logins and upgrades are refused, acks lost, frames repeated
//	client  the webhook receiver is slow, fails, hangs or is gone; clients of the
//	        API ask as fast as they can
//	clock   the wall clock of manager and workers is minutes, an hour or 26 hours
//	        ahead or behind for a while; the monotonic one goes on
//
// An upgrade as a fault is over when the new manager answers. The roll of the
// workers goes on meanwhile, and what else goes wrong hits it; replacing a worker
// spends nothing of its restart budget.
//
// The machine's clock is not ours to step. The programs are built with a package
// time whose Now adds an offset (clock.go), while Postgres, the simulator and the
// receivers keep the true time: node and database differ for as long, which
// happens where they are two machines. A receiver refuses signatures that are
// more than five minutes old or young, as it must. A step counts when the
// manager's and a worker's times were seen to show it. It is for runs of a minute
// or more: the first of them compiles every package anew.
//
// A kind of fault comes at least once in a run that is long enough for its track;
// what a track that is behind has not begun at the end does not happen. The moments are as exact as the machine
// is; what a fault meets at its moment is never the same twice, so a seed repeats
// the schedule and makes an accident likely again, not certain.
//
// # What must hold
//
// Nothing is tolerated: after the last fault every instance is ready within two
// minutes (a link that is silent for good is found within 90 s), and every worker
// of the installed build within three; an upgrade that the faults had stopped is
// told of, asked for again, and must then come to its end; every message of
// a contact is in the feed and the stream once, under one id and in order, and at
// the webhook, first arrivals in order; every send that was answered with success
// is at the contact, under one id; every other send has an outcome that GET
// …/sends/{key} tells and that is what the contact saw; a send whose outcome is told
// to be unknown, and of which the contact has seen nothing, can be repeated; every
// queue is empty within two minutes after everything is ready, what was accepted
// for it and not taken back is at the contact once and not before its time, what was
// taken back with success never is, and GET, list and the one send_update in the
// feed tell it the same way; no two workers of an instance ever speak to WhatsApp at
// the same moment; and after the end no process, connection, port, socket, lock or
// temporary file is left. A scheduled send may go early where the clock was ahead
// between its request and its arrival.
//
// Recovery is the time from the end of a fault's cause until a message sent after
// it is at the webhook; where faults overlap it includes what the others cost.
//
// # What is left out
//
// A clock that stays wrong for longer than an hour is believed: ages cannot be
// told without one. A build that does not come back has tests of its own, with
// real builds. Faults that an owner has to act upon (a logout, a replaced stream,
// a ban) are no matter of recovery. Corrupted ciphertexts reorder messages by
// their nature, since a message comes after its retry, and have tests of their own.
package main
