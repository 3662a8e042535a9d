// Package credential makes and checks what people and programs prove
// themselves with: passwords (argon2id), access tokens (JWT, signed by this
// installation), refresh tokens and API keys (random 256 bit, kept as SHA-256).
//
// It holds no state and asks no database. Secrets leave it only as return
// values, never in errors.
package credential
