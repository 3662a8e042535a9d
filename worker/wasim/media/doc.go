// Package media is the simulator's media host: encrypted blobs that are uploaded,
// downloaded and deleted over HTTP the way WhatsApp's media servers do it, and put there
// directly by simulated phones.
//
// It owns the blob store, the HTTP surface under /mms/ and /newsletter/, and the media
// encryption. It must not know accounts, stanzas or sockets: the server mounts the Host as
// an http.Handler and names the host in media_conn.
package media
