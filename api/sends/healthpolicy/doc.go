// Package healthpolicy decides whether a number may send now, from three things: the
// owner's policy, what is known of the number, and the time. It says why not, and when
// it goes on. The decision is a pure function.
//
//	policy  ─┐
//	facts   ─┼─▶ Decide ─▶ may send, to whom, how fast, and until when not
//	now     ─┘
//
// Only people who have never written are held back; conversations go on, except in quiet
// hours. The package must not know where facts come from, who obeys, or HTTP.
package healthpolicy
