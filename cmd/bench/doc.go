// Command bench measures the product as it is shipped: real manager and worker
// processes, the private Postgres, HTTP requests from outside, and the simulator
// at the other end of the wire. It prints each figure beside a baseline of the
// same run on the same machine, because only the ratio of the two can be compared
// with another machine:
//
//	relay       HTTP → worker → HTTP, against the same API with an answer from this process
//	send        sendMessage through instances, against whatsmeow called directly
//	inbound     messages into the feed and to webhooks, against a plain whatsmeow handler
//	memory      PSS of idle paired workers, against a worker that was never paired
//	start       50 instances until they are ready, against one alone
//	adopt       100 live workers after kill -9 of the manager, against a start without workers
//	mirror      reading 5,000 chats and a chat of 100,000 messages, against the same rows from Postgres
//	recovery    time until ready and until a message is at the webhook, by fault, against no fault
//	durability  bursts with commits on disk, against commits that do not wait; plain inserts
//	pressure    the manager's memory during many large requests, against the size of the requests
//	flood       another instance's latency during a flood, against calm and against equal load elsewhere
//
// `bench cost` counts instead of measuring: SQL statements, transactions, syncs and
// bytes of the WAL, and CPU time by process for one message in, one send, one
// delivery to a webhook, and one account without work. Except for the CPU time
// such figures do not depend on what else the machine does.
//
// With -soak it measures one thing instead: many instances under a steady load in
// all directions. It prints what they use, how long messages take, and how both
// changed from the first third of the time to the last.
//
// The simulator, the clients and the product share the machine, so an absolute
// figure is a lower bound. If the work of a measurement was not completed (a
// failed call, a missing message), the program ends with an error and prints no
// figure for it.
package main
