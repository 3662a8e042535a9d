// Package groups is the group chats of the simulator: who is in them and with
// what rights, their settings and pictures, invitations and requests to join, and
// the fan-out of their messages. It asks a Directory about people and hands what it
// has to say to a Delivery; it knows no connections, queues or keys.
//
// Groups address their members by hidden identity or by phone number, which is
// fixed when a group is made.
package groups
