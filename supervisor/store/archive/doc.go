// Package archive writes one instance into an encrypted file, and brings such a
// file into another database: keys, mirror, feed, webhooks, API keys, settings.
// An account moves that way without a new QR code.
//
// # The file
//
// It is an age file with a passphrase (age-encryption.org/v1, scrypt), and in
// it, compressed, a sequence of frames (frame.go): a header, then table by
// table the columns and the rows as Postgres' COPY writes them in text, then
// an end that says it is whole. Whatever was cut off or changed is noticed.
// Both directions stream: memory is bounded by a few buffers (and by the
// 256 MiB that scrypt takes for a moment).
//
// The header has the version of the format, of our schema and of whatsmeow's.
// A file of a newer version than this program's is refused; an older one is
// read, and columns that it lacks get their defaults.
//
// # What goes along
//
// tables.go lists it, and a test holds that list against the schema: every
// table that belongs to an instance or a device either goes along or is named
// as left behind. Columns are taken from the database, so that a new one goes
// along by itself. Ids of rows that the database counts itself are not carried;
// the order that they stand for is.
//
// Export reads one snapshot, so that what it writes belongs together even when
// the instance runs. Only an instance that was moved away (store.MoveAway) and
// whose worker has ended may go on elsewhere: Signal's keys change with every
// message, and a copy of a running one is good for the day the original is lost.
//
// Webhooks go along with how far they got. The manager that is left may still
// post an event that the new one posts, too, for as long as it takes to read
// the list of webhooks again: at least once, with the same id, as always.
//
// What is sealed in the database (proto/seal) travels open, in the encrypted file,
// and is sealed with the keys of the server that takes it in.
//
// # Whom an import believes
//
// The one who made the file knew the passphrase, and may be somebody else's
// customer. So the file does not say whose its rows are: the columns that tie
// rows to an instance, a device or an owner are not in it, and import puts them
// in front of every line. A table or a column that is not on the list is refused.
// Pairs of phone numbers and LIDs, which say where messages go, are the
// instance's own like everything else. Those of older files were shared by all
// accounts; they come in as hints (worker/lidstore), of the one instance.
package archive
