// Package jsonfile takes files out of a JSON body while it arrives. A
// MessageMedia carries its file as base64 in the member data; read as one
// document it would be in memory several times over. Here the text is decoded as
// it comes and handed on, and the document that remains has the name of the
// upload in its place, as a form's has.
package jsonfile
