// Package baileys reads and writes the folder in which Baileys keeps a device
// (useMultiFileAuthState): creds.json and a file for each key, session and setting.
//
// Bytes stand in its JSON in four ways, depending on the version and on what wrote them;
// json.go reads all of them. Sessions are libsignal-node's, which counts the messages of a
// chain from another number and keeps the seeds of skipped messages (session.go).
//
// What is not read, because whatsmeow asks WhatsApp for it again: lists of devices, who has
// our sender key, and settings of the program.
//
// A folder comes from a stranger: names, sizes and numbers are checked, and nothing in it
// is followed to another file.
package baileys
