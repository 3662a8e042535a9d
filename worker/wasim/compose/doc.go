// Package compose writes messages that no phone of the simulator would write: any content,
// in any stanza, under any form of anybody's id. The phones only seal what it wrote.
//
// Send delivers a message, or puts it into a history. Upload puts a file on the media host and
// gives the fields by which a message names it. Seal makes the parts of a message that are
// sealed with another message's secret (votes, reactions, edits, answers to events), for any
// pair of ids.
//
// The bytes of a message go out as they were given. It knows nothing of HTTP, and what the
// simulated accounts do by themselves is not its business. A request that cannot be right
// fails with a *FieldError.
package compose
