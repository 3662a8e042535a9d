// Package pages holds the project's written pages to the truth: every command
// block of the README and of deploy/docs runs against a demo, every link leads
// somewhere, every test that a page names exists, and the map of packages in
// ARCHITECTURE is the one of the code.
//
// The package has tests only. It must not know the code of the product: it uses
// make, the programs and the API, as a reader of the pages does.
package pages
