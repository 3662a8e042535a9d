// Package formats knows which forms an account can come in and go out in, and hands each
// to the package that reads or writes it.
//
// It works on files that the caller has put into a directory of its own. The package must
// not know where they came from, nor what becomes of the account.
package formats
