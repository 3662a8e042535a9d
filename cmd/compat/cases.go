package main

import "maps"

// cases has one check per method of the reference that can be done.
var cases = func() map[string]check {
	all := map[string]check{}
	for _, part := range []map[string]check{
		sessionCases, chatCases, messageCases, contactCases,
		groupCases, channelCases, otherCases,
	} {
		maps.Copy(all, part)
	}
	return all
}()

// Where an effect was seen.
const (
	otherSide = "another phone"
	readBack  = "a later answer"
	standIn   = "the simulator"
	answered  = "the answer"
	feed      = "the event feed"
)
