// A stand-in of a logged-in page of WhatsApp Web: its databases, filled from a file, and
// the few of its modules that the script asks. It runs the script as pupPage.evaluate does
// and prints the result.
import { readFileSync } from 'node:fs'
import { webcrypto } from 'node:crypto'

const [script, state] = process.argv.slice(2).map(name => readFileSync(name, 'utf8'))
// Bytes stand in the file as {"bytes":"base64"}; the page has ArrayBuffers.
const page = JSON.parse(state, (_, v) => {
	if (typeof v?.bytes !== 'string') return v
	const b = Buffer.from(v.bytes, 'base64')
	return b.buffer.slice(b.byteOffset, b.byteOffset + b.length)
})

// The page encrypts its identity key with a key that it cannot export.
const encKey = await webcrypto.subtle.generateKey({ name: 'AES-CTR', length: 256 }, false, ['encrypt', 'decrypt'])
for (const row of page.databases['signal-storage']['signal-meta-store'])
	if (row.key.startsWith('signal_static_'))
		row.value = { encKey, value: await webcrypto.subtle.encrypt({ name: 'AES-CTR', length: 128, counter: new Uint8Array(16) }, encKey, row.value) }

const answer = (request, result) => { request.result = result; queueMicrotask(() => request.onsuccess()); return request }
globalThis.indexedDB = {
	open: name => answer({}, {
		objectStoreNames: { contains: store => store in (page.databases[name] ?? {}) },
		transaction: store => ({ objectStore: () => ({ getAll: () => answer({}, page.databases[name][store]) }) }),
		close() {}
	})
}
globalThis.localStorage = { getItem: name => name in page.localStorage ? JSON.stringify(page.localStorage[name]) : null }
globalThis.window = {
	require: name => {
		if (name === 'WAWebUserPrefsInfoStore') return { waNoiseInfo: { get: async () => ({ staticKeyPair: page.noise }) } }
		if (name in page.tables) return new Proxy({}, { get: () => () => ({ all: async () => page.tables[name] }) })
		throw new Error('no module ' + name)
	}
}
process.stdout.write(JSON.stringify(await (0, eval)(script)))
