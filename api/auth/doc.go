// Package auth knows who asks and what they may: users with their logins and
// sessions, API keys, and the audit of what they did.
//
// Auth finds out who is behind a request (Admit, FindKey), narrows them to an
// instance (Instance, While), and asks for the password again where a lasting
// secret is handed out (Confirm). Its routes are those about logins, users, keys
// and the audit.
//
// The package must not know workers, sends or events. Packages that hang
// something on a key or a user ask to be told (OnKeyRevoked, OnOwnerChanged).
package auth
