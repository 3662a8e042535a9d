// Package carry brings an account of another program into an instance, and out of one:
// between the neutral form of package moving and the rows of our database.
//
// An import makes a new instance, in one transaction, or changes nothing. The account comes
// in parts, so that a large one needs little memory. The instance is stopped:
// the former program may still run, and two that use the same keys throw each other out
// and lose messages. Its keys are sealed like those of every instance. The account's own
// name, its contacts' names and its pairs of phone numbers and LIDs go into our tables,
// too; pairs to which other accounts wrote before come in as hints (worker/lidstore).
//
// An export reads one snapshot and opens what is sealed. Only an instance that was moved
// away may go on elsewhere.
//
// The package must not know other programs' forms, files, or who asks.
package carry
