// Package control drives a simulator over HTTP: it offers the exported methods of
// package wasim under /control/, on the simulator's own loopback port. It uses
// nothing of the simulator but these methods. Package client is the other side.
//
// # Rules
//
// Bodies and answers are JSON; a body with an unknown field is refused. Errors are
// {"error":"text"} with 400 (the request is wrong), 404 (no such account, device
// or group), 409 (taken, or a pairing was rejected, expired or broken off), 504 (a wait
// ran out). Requests whose Host is not a loopback address are refused with 403.
//
// A number is an account's phone number in digits. Where a chat is expected ("to",
// "chat", "author"), a number or a JID will do. Durations are Go's ("1.5s").
//
// # Overview
//
//	GET  /control/
//	     → {endpoint, accounts, connections, unknown}
//
// # Accounts and pairing
//
//	GET  /control/accounts
//	     → {accounts:[account]}
//	POST /control/accounts {number, name, contacts:[{number,name,username}], chats,
//	     messages, passkey, username:{name,key}}
//	     → 201 account; passkey as below, missing: none is demanded.
//	     The phone holds as many chats as asked for, each with that many messages,
//	     and hands them over as history when it is paired.
//	GET  /control/accounts/{number}
//	     → account: {number, name, pn, lid, devices:[device], online, typing,
//	       calls:[{id, from, kind}], links, passkey:true|false, username}; links
//	       are call links it asked for.
//	POST /control/accounts/{number}/username {name, key}
//	     → account; gives it a username, or takes it away with {}. With a key (4
//	       digits) only those find the account by the name who know it. 409 when
//	       somebody else has the name.
//	POST /control/accounts/{number}/timer {seconds}
//	     → account; makes it start new chats with a timer, as on the phone, or with
//	       none by 0.
//	GET  /control/accounts/{number}/devices
//	     → {devices:[device]}; device: {number, jid, lid, connected, connection,
//	       logins, pending, prekeys}
//	POST /control/accounts/{number}/scan {qr, background}
//	     → device. The phone scans the QR text; the answer comes once the device
//	       is paired and active. With background the answer is 202 {} at once,
//	       when the device has been asked for a passkey if one is demanded.
//	POST /control/accounts/{number}/code {code, background}
//	     → device, in the same way, by a pairing code.
//	POST /control/accounts/{number}/wait {device, for, logins, timeout}
//	     → device. "for" is "idle" (nothing is unacknowledged), "connected",
//	       "disconnected" or "logins". Device 0 is the last one linked. The timeout
//	       is 30s when left out.
//
// # Passkeys
//
//	GET  /control/accounts/{number}/passkey?step=confirm&wait=30s
//	     → {passkey, ceremonies:[ceremony]}, with the last ceremony at the end. It
//	       waits for up to "wait" until the last one is at the step, or over.
//	       passkey is null, or {credential, publicKey, listCredential, omitOptions,
//	       alwaysConfirm, lifetime, proofLifetime}. credential: {credentialId,
//	       privateKey, userHandle, rpId, isResidentCredential, signCount}, in base64,
//	       as Chromium's WebAuthn.addCredential takes it, with the private key as
//	       PKCS #8; publicKey is SubjectPublicKeyInfo.
//	       ceremony: {step, code, proved, confirm, sent, refusal, deadline, error}. step
//	       is "assertion", "nonce", "confirm", "done" or "failed". code is what the phone
//	       shows. confirm tells that the phone waits for the code to be confirmed,
//	       sent that the device has sent its keys and waits for that.
//	       refusal is why the device's last request was refused.
//	POST /control/accounts/{number}/passkey {credential:{credentialId, privateKey,
//	     userHandle}, listCredential, omitOptions, alwaysConfirm, lifetime,
//	     proofLifetime}
//	     → the same. From now on the account demands a passkey of every device
//	       that is linked: this one, or a new one when it is missing. The options
//	       name it with listCredential; with omitOptions the device has to ask for
//	       them. With alwaysConfirm the phone wants the code confirmed also after
//	       a valid hand-off proof. lifetime is how long the device has for the
//	       assertion, and then for the rest (10m); proofLifetime how long its proof
//	       stands in for the code (5m).
//	DELETE /control/accounts/{number}/passkey
//	     → the same; none is demanded any more.
//	POST /control/accounts/{number}/passkey/confirm {code}
//	     → the same. The owner confirms on the phone the code that the device shows:
//	       409 when it is not the phone's, 404 when the phone asks for none.
//	POST /control/accounts/{number}/passkey/reject {}
//	     → the same. The owner rejects on the phone what is under way, else 404.
//	POST /control/accounts/{number}/passkey/expire {}
//	     → the same. The time of what is under way is up, else 404.
//
// # What an account's phone does
//
//	POST /control/accounts/{number}/send {to, text, count, rate, background}
//	     → {sent:[{n,id,text,time}]}. Each %d in text becomes the number of the
//	       message; without a text it is "message n". count is 1 when left out,
//	       rate is per second (0: no pause). With background the answer is 202 at
//	       once, and sending goes on until the server ends; then count 0 means
//	       "without end".
//	GET  /control/accounts/{number}/received?after=N&wait=30s
//	     → {messages:[message], next}: what the phone decrypted, from position N
//	       on. It waits for the first message for up to "wait". With Accept:
//	       text/event-stream it streams events (id: N+1, data: message).
//	       message: {id, chat, sender, pn, name, text, time, own, retry}; retry is 0, or the
//	       number of the retry that brought the message
//	POST /control/accounts/{number}/read {chat, author, ids}
//	     → {}; the phone sends a read receipt.
//	POST /control/accounts/{number}/react {chat, author, id, emoji}
//	     → {id}
//	POST /control/accounts/{number}/auto {reply, read}
//	     → {}; from now on the phone answers every text with reply, in which %s is
//	       the text ("" ends it), and sends read receipts when read is true.
//	POST /control/accounts/{number}/ring {to, video}
//	     → {id}; the phone calls another account.
//	POST /control/accounts/{number}/shop {products, orders}
//	     → {}; sets the catalogue, adds orders that the account may ask for.
//
// # Groups
//
//	GET  /control/groups
//	     → {groups:[group]}; group: {jid, name, members:[number], addressing,
//	       admins:[number], description, announce, restrict, addMode, approval,
//	       code (of the invite link), picture, requests:[number]}
//	POST /control/groups {name, members:[number]}
//	     → 201 group; the first member creates it.
//	POST /control/groups/{jid}/members {add:[number], remove:[number]}
//	     → group
//	POST /control/groups/{jid} {approval, join:[number]}
//	     → group; the accounts join by the invite link.
//	POST /control/groups/{jid} {invite:{from, to}}
//	     → {code, expiration} of a private invitation.
//
// # Channels
//
//	POST /control/channels {owner, name, description, followers:[number]}
//	     → 201 {jid, name, code, roles:{number: role}}
//
// # Any message
//
//	POST /control/message {from, to, message, envelope}
//	     → {id, timestamp, serverId, outcome, devices:[{device, outcome, retries, code}]}
//	       from is an account: a number or a JID, by number or LID, with a device number if a
//	       device is to send (it must not be linked). to is an account with linked devices, one
//	       of its devices, a group, a channel, status@broadcast or a list. message is the
//	       protojson of waE2E.Message; its bytes go out as they are. Without it nothing is
//	       sealed, as with <unavailable type="view_once"/>. Linked devices get it, the phones'
//	       ledgers do not. outcome is "delivered", "acknowledged" (no word yet whether the device
//	       could open it), "waiting" (no word at all, or the device is away), "retry" (it asked
//	       again, without an end so far) or "refused" (with the device's code); at the top it is
//	       the worst of all. envelope, all of it optional:
//	         id, timestamp (unix seconds), pushName ("" for none),
//	         addressing: "pn" or "lid", the form of the sender,
//	         recipientAddressing: of the recipient of an own message,
//	         type, category, edit, offline: attributes of the stanza,
//	         attributes: {name: text, number, true, false, or null to take it away}; a text with
//	           an @ is a JID,
//	         children: [{tag, attributes, text, base64, children}] (meta, bot, biz, reporting,
//	           unavailable, multicast, verified_name, …),
//	         enc: {name: value}, attributes of the sealed part (decrypt-fail, mediatype),
//	         fromMe: true is what the account "from" sent to "to" from its phone, as its other
//	           devices are told of it; then "to" may be anybody,
//	         receivers: [number], whose devices get it, in place of all whom it concerns; a list
//	           needs them,
//	         wait: "10s", how long to wait for the outcome (at most 1m),
//	         asIfHistory: true puts it into a part of the history instead, and
//	         history: {type: "on_demand" (or initial_bootstrap, recent, full, …), conversation,
//	           webMessage}: protojson of waHistorySync.Conversation and waWeb.WebMessageInfo, which
//	           is merged in.
//	       An error names the field: {"error":"message: … unknown field \"conversatoin\""}.
//	       Of 4 MiB for a message, and 256 attributes and children, at most.
//	POST /control/media?type=image&mimetype=image/png&plain=false   (the file is the body)
//	     → 201 {URL, directPath, mediaKey, mediaKeyTimestamp, fileSHA256, fileEncSHA256,
//	       fileLength, mimetype}: what a media message says of its file, as protojson. type is
//	       image, sticker, video, gif, audio, ptt, document, sticker-pack or thumbnail-link.
//	       plain=true stores the file as channels have theirs: there is no key, and no
//	       fileEncSHA256. At most 100 MiB.
//	POST /control/seal {kind, originalSender, sender, targetId, secret, payload, raw, options,
//	     chat, key}
//	     → {message}: protojson of a waE2E.Message with a part that is sealed with the secret (32
//	       bytes in base64) of the target, a message of originalSender. Both ids take part in the
//	       form in which they are given, whatever envelope the message will travel in. kind is
//	       pollVote, reaction, comment, eventResponse, messageEdit, eventEdit or pollEdit.
//	       payload is the protojson of what is sealed; raw is the same in bytes (base64), options
//	       the names that a vote selects. The target is named by chat, or by key, the
//	       protojson of a waCommon.MessageKey.
//
// # Faults
//
//	POST /control/faults {fault, number, device, code, count, duration, namespace}
//	     → {devices}: how many devices the fault is meant for.
//
// A fault hits every device when number is missing, and every device of the account
// when device is 0 or missing.
//
// On present connections: "drop" (TCP reset), "mid_frame", "close", "black_hole",
// "resume", "delay" (duration), "repeat", "garbage" (code: bytes), "log_out",
// "replace", "stream_error" (code), "stream_end".
//
// On accounts: "reachout_lock" (duration; 0 lifts it) refuses messages to people who have
// not written with 463 and tells the devices until when; "reachout_lock_silent" tells
// nobody; "reachout_warn" tells and refuses nothing.
//
// Planned for the next count occasions (1 when left out): "refuse_login" (code),
// "temporary_ban" (code, duration), "iq_error" (namespace, code), "message_error"
// (code), "lose_acks", "lose_races" (of app-state writes), "corrupt". For all
// clients: "refuse_upgrade" (code, an HTTP status), "stall_upgrade" (no answer),
// "drop_handshake" (a reset after the client's hello). "heal" drops what is planned.
package control
