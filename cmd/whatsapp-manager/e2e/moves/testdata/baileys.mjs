// A plain bot on Baileys. It is started in the directory where Baileys is installed, with
// the folder of its keys, the address of the simulator and the simulator's root of
// certificates. It reads commands as lines of JSON and writes what it sees in the same way.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [folder, url, root] = process.argv.slice(2)
const require = createRequire(process.cwd() + '/bot.js')
const main = require.resolve('@whiskeysockets/baileys')
const lib = await import(pathToFileURL(main))
const defaults = await import(pathToFileURL(main.replace(/index\.js$/, 'Defaults/index.js')))
const pino = require('pino')

// Baileys trusts WhatsApp's own root, a constant. This is all that is changed.
defaults.WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(root, 'hex')

const say = (kind, value = {}) => process.stdout.write(JSON.stringify({ kind, ...value }) + '\n')
console.info = console.warn = console.log = console.error = () => {} // libsignal prints sessions

const { state, saveCreds } = await lib.useMultiFileAuthState(folder)
let sock
let ending = false

function connect() {
	sock = lib.default({
		waWebSocketUrl: url,
		auth: { creds: state.creds, keys: lib.makeCacheableSignalKeyStore(state.keys, pino({ level: 'silent' })) },
		logger: pino({ level: process.env.BOT_LOG ?? 'silent' }, pino.destination(2)),
		markOnlineOnConnect: false,
		syncFullHistory: false,
		getMessage: async () => undefined
	})
	sock.ev.on('creds.update', saveCreds)
	sock.ev.on('connection.update', async u => {
		if (u.qr) say('qr', { qr: u.qr })
		if (u.connection === 'open') say('open', { me: state.creds.me })
		if (u.connection === 'close') {
			const code = u.lastDisconnect?.error?.output?.statusCode
			say('close', { code, why: String(u.lastDisconnect?.error) })
			if (!ending && code === lib.DisconnectReason.restartRequired) connect()
		}
		if (u.receivedPendingNotifications) say('pending')
	})
	sock.ev.on('messages.upsert', ({ messages }) => {
		for (const m of messages)
			say('message', {
				chat: m.key.remoteJid, fromMe: m.key.fromMe, stub: m.messageStubParameters,
				text: m.message?.conversation ?? m.message?.extendedTextMessage?.text
			})
	})
	sock.ev.on('chats.update', list => { for (const c of list) say('chat', { id: c.id, archived: c.archived }) })
	sock.ev.on('contacts.upsert', list => say('contacts', { count: list.length }))
}
connect()

createInterface({ input: process.stdin }).on('line', async line => {
	const c = JSON.parse(line)
	try {
		if (c.do === 'send') await sock.sendMessage(c.to, { text: c.text })
		if (c.do === 'archive') await sock.chatModify({ archive: c.on, lastMessages: [] }, c.to)
		if (c.do === 'quit') {
			ending = true
			sock.end(undefined)
			await saveCreds()
		}
		say('done', { id: c.id })
		if (c.do === 'quit') process.stdout.write('', () => process.exit(0))
	} catch (e) {
		say('failed', { id: c.id, why: String(e?.stack ?? e) })
	}
})
