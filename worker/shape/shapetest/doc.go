// Package shapetest has kinds of messages beside what integrators must find in each: tests of
// shapes read them as tables, and tests of workers send them over the wire.
//
// The package must not know how a message is rendered: what is expected comes from WhatsApp
// Web, never from our output.
package shapetest

// Kind is a message that came in, and what integrators must find in it.
type Kind struct {
	Name    string
	Message string // protojson of a waE2E.Message
	Type    string
	Body    string
	Want    string   // keys of _data, as a JSON object; others are not compared
	Lacks   []string // keys that _data must not have
}

// All returns every kind by its name, which begins with the one of its table.
func All() map[string]Kind {
	all := map[string]Kind{}
	for table, kinds := range map[string][]Kind{
		"Responses": Responses, "Choices": Choices, "Interactive": Interactive, "Trade": Trade, "Ads": Ads, "Later": Later,
		"Plain": Plain, "Asides": Asides,
	} {
		for _, k := range kinds {
			all[table+": "+k.Name] = k
		}
	}
	return all
}
