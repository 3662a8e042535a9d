// Command licences writes which licences the product's programs are under: for
// each program every module that is linked into it, and the texts that must go
// with a copy of the program. It reads the module cache and asks nobody else.
//
// It must know nothing of the product but the programs' names. A test holds that
// what it writes is committed, and that no licence of the GPL's family is in the
// manager.
package main

//go:generate go run . ../../../deploy/licences
