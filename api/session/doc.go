// Package session knows which permissions stand at this moment: whether the
// session behind an access token lives (Book), and whether those who read a
// stream may still do so (Watch).
//
// Both hold at once what this process is told (Forget…, End…), and within a
// few seconds what another one wrote into the database.
package session
