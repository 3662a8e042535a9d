// Package jsoncheck looks at JSON before it is decoded, for what decoders let
// pass: encoding/json replaces invalid UTF-8 in silence, accepts strings with
// NUL that no Postgres text column takes, and nests to ten thousand levels.
//
// It finds the first such place and names it in the words of the sender
// (params[1].caption). Syntax is left to the decoder. It knows nothing of HTTP.
package jsoncheck
