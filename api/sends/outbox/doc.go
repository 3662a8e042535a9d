// Package outbox sends later: messages that wait for their time, for their turn
// in the instance's rate, or for an account that is away.
//
// The truth is the sends table. River only says when to look: every send brings
// a job that is due at the send's time, and a job drains its instance's queue,
// first things first, until nothing is due or its turn is over; then it comes
// again behind the others. A pause of any kind is waited for outside. So
// messages keep their order (by time, then by arrival), one instance never
// holds up another, and a job more or less changes nothing.
//
//	POST …/sends ──▶ sends (queued) + job, in one transaction
//	                     │ due
//	                     ▼
//	              drain: take the head ──▶ worker ──▶ sent | failed
//	                     │ rate full, account away, WhatsApp says wait
//	                     └──▶ the job comes back then
//
// A send that is to go at once is due from its creation on, whatever the clock
// said then. A scheduled one may go early while the clock is ahead. When a job
// is lost, or has its time by a clock that was wrong, a sweep finds what is due
// within a minute.
//
// The WhatsApp id of a message is fixed when it is queued. A send that was
// interrupted (the manager or the worker died) is tried again under the same
// id, and the worker first waits for a call that still runs under it and looks
// whether it was sent. From an attempt that may have sent it on it stays running
// between the attempts and cannot be cancelled, and it never ends as failed
// unless WhatsApp refused it.
//
// What becomes of a send is an event of its instance's feed: send_update, and
// sends_paused and sends_resumed while WhatsApp lets the account send nothing.
package outbox
