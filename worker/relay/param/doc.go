// Package param reads the positional parameters of calls. A Kind is one type of
// parameter: its name in the catalog, and the function that reads it from JSON
// and refuses a value of another form. The methods get values that are already
// checked.
//
// It must not know the methods, WhatsApp's connection or the mirror.
package param
