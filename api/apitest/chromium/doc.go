// Package chromium is a real browser for tests, driven through its DevTools protocol.
// It can trust a certificate, lead a host to the test's own server, load an extension,
// hold passkeys, and look for what keeps people from using a page (axe).
//
// A test that needs it is skipped where no Chromium is installed, and fails there when
// the environment says that it is continuous integration (CI).
//
// The package must not know any page. Importing it outside of tests is wrong.
package chromium
