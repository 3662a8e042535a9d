// Package linkpage is a page for the person who has the phone: it links one WhatsApp
// account, whatever WhatsApp asks for, without a login.
//
// Whoever may use an instance makes a page for it and gets an address with a random
// token. The token stands behind the # of the address, so no server, proxy or Referer
// header ever sees it; the page sends it as a bearer token to the routes below
// /api/link. They know this kind of token only, and no other route knows it. A page
// ends when it expires, when it is revoked, and when the account is linked.
//
// The page is plain HTML, CSS and JavaScript modules, embedded as they are. It asks
// nobody but this server. What WhatsApp wants of a passkey has to happen in a tab of
// web.whatsapp.com: package extension is the browser extension that does it.
//
// The package must not know how an account is linked: a Flow does that, and answers
// with the document of package proto/linking.
package linkpage
