// Package reachout plays WhatsApp's reach-out time lock: for a while an account may
// write only to people who have written to it, and its devices are told so. It keeps
// who wrote and until when the lock is in force. It knows neither accounts nor
// connections, and only the form of the notification is WhatsApp's.
package reachout
