// Package channels is the channels of the simulator, which the protocol calls
// newsletters: who owns, administers and follows them, their posts with views and
// reactions, and the GraphQL documents by which clients manage them. It asks a
// Directory about people and hands posts to a Delivery; it knows no connections,
// queues or keys.
package channels
