// Command bench measures the product as it is shipped: real manager and worker
// processes, the private Postgres, HTTP from outside, the simulator on the
// other end of the wire. Every figure is printed beside a baseline of the same
// run on the same machine, because only their relation travels to another one:
//
//	relay    HTTP → worker → HTTP, against the same API with the worker's answer in process
//	send     sendMessage through instances, against whatsmeow called directly
//	inbound  messages into the feed and webhooks, against a plain whatsmeow handler
//	memory   PSS of idle paired workers, against a worker that was never paired
//	start    50 instances until ready, against one alone
//	adopt    100 live workers after kill -9 of the manager, against a start with none
//	recovery    until ready and until a message is at the webhook, by fault, against no fault
//	durability  bursts with commits on disk, against commits that do not wait; plain inserts
//	pressure    the manager's memory while many large requests come at once, against what they weigh
//	flood       another's webhook and call latency under a flood, against calm and against the same load aside
//
// With -soak it measures one thing instead: many instances under a steady load
// in all directions, what they use, how long messages take, and what of it grew
// from the first third of the time to the last.
//
// Simulator, clients and product share the machine, so absolute figures are a
// lower bound. A measurement whose work was not done completely (a failed call,
// a missing message) ends the program with an error instead of a figure.
package main
