// Command chaos runs an installation with paired accounts under load, breaks
// things in random order, and then counts: did every message arrive exactly once?
//
// # What runs
//
// The manager, the workers and Postgres are real processes; the simulator runs in
// this process. The worker is this program under another name, so that it can be
// made to leak memory.
//
// Each instance has a contact who writes numbered texts to it, and an API client
// that sends numbered texts to the contact with an Idempotency-Key. The client
// repeats three of four sends with the same key until they succeed; it never
// repeats the fourth. Every third send goes through the queue instead (queue.go),
// to be sent at once or some seconds later. Half of those are cancelled, either
// well before they are due or when they may already be on their way, and one in
// five is never repeated.
//
// A webhook receiver checks every signature and keeps a ledger. One reader per
// instance follows the event stream and resumes it with Last-Event-ID.
//
// # What goes wrong
//
// The schedule (schedule.go) follows from the seed alone; -plan prints it. Its
// tracks run side by side. Within a track, one fault follows the other:
//
//	host    The manager is killed or gets SIGTERM, and a new one starts. Postgres
//	        shuts down in fast or immediate mode. The disk with the data is full
//	        for a while (if a file system can be mounted for it). Another build of
//	        manager and worker is installed, and the manager changes to it by
//	        SIGHUP, or by SIGTERM and a start.
//	worker  A worker is killed, stopped (SIGSTOP) for a while, or made to leak.
//	link    An account's connection is reset, torn within a frame, closed, stalled,
//	        silent for good or slow; it carries garbage, a stream error or the end
//	        of the stream. Logins and WebSocket upgrades are refused, acks are lost,
//	        frames are repeated.
//	client  The webhook receiver is slow, fails, hangs or is gone. API clients send
//	        requests as fast as they can.
//	newcomer One more account is linked with its passkey, from the first code until
//	        it is ready, and its instance is deleted. On the way its challenge
//	        expires, its first answer is forged, the phone rejects it, or its worker
//	        is killed.
//	clock   The wall clock of manager and workers is minutes, an hour or 26 hours
//	        ahead or behind for a while. The monotonic clock goes on.
//
// An upgrade as a fault is over when the new manager answers. The workers are
// replaced meanwhile, and other faults hit that replacement. Replacing a worker
// does not count against its restart budget.
//
// This program may not change the machine's clock. Instead it builds the programs
// with a package time whose Now adds an offset (clock.go). Postgres, the simulator
// and the receivers keep the true time. So the node and the database differ for
// that long, as they would on two machines. A receiver refuses signatures that
// differ from its time by more than five minutes, as it must. A clock step counts
// only if both the manager and a worker were seen to have the wrong time. Clock
// steps need a run of a minute or more, because the first such run compiles every
// package again.
//
// Every kind of fault happens at least once if the run is long enough for its
// track. A fault that a late track has not begun at the end does not happen. The
// moments are only as exact as the machine, and the state that a fault meets
// differs every time. So a seed repeats the schedule and makes an accident likely
// to happen again, but not certain.
//
// # What must hold
//
// Nothing is tolerated. After the last fault:
//
//   - Every instance is ready within two minutes (a link that is silent for good
//     is found within 90 s), and every worker is of the installed build within
//     three. An upgrade that the faults stopped is reported, requested again, and
//     must then finish.
//   - Every newcomer was linked within three minutes.
//   - Every message of a contact is in the feed and in the stream once, under one
//     id and in order. It is at the webhook, with first arrivals in order.
//   - Every send that was answered with success is at the contact, under one id.
//   - Every other send has an outcome. GET …/sends/{key} reports it, and it matches
//     what the contact saw. A send with an unknown outcome that the contact has not
//     seen can be repeated.
//   - Every queue is empty within two minutes after everything is ready. What was
//     accepted for it and not cancelled is at the contact once and not early; what
//     was cancelled with success never is. GET, the list and the one send_update in
//     the feed agree. A scheduled send may be early if the clock was ahead at some
//     time between its request and its arrival.
//   - No two workers of an instance ever speak to WhatsApp at the same moment.
//   - After the end no process, connection, port, socket, lock or temporary file is
//     left.
//
// Recovery is the time from the end of a fault's cause until a message sent after
// it is at the webhook. Where faults overlap, it includes the cost of the others.
//
// # What is left out
//
// A clock that stays wrong for more than an hour is believed, because ages cannot
// be told without a clock. A build that does not start has tests of its own, with
// real builds. Faults that an owner has to act on (a logout, a replaced stream, a
// ban) are not a matter of recovery. Corrupted ciphertexts reorder messages by
// their nature, since the message comes after its retry; they have tests of their
// own.
package main
