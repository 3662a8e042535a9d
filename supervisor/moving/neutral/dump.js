// Dumps the account of a logged-in page of WhatsApp Web into the neutral form that
//
//   whatsapp-manager instances import --from wa-store-migrate
//
// reads. With whatsapp-web.js, once the client is ready:
//
//   const script = fs.readFileSync('dump.js', 'utf8')
//   fs.writeFileSync('account.json', JSON.stringify(await client.pupPage.evaluate(script)), { mode: 0o600 })
//   await client.destroy() // never client.logout(): that unlinks the device
//
// The result opens the account: guard the file, and delete it after the import. The page
// must do nothing more afterwards, so end the program at once.
//
// It reads what the page keeps: the IndexedDB databases signal-storage and model-storage,
// the latter through the page's own modules, which open what is encrypted. It changes
// nothing. What a newer page keeps in another way is left out and counted in "skipped";
// without the keys of the device it fails and says what is missing.
(async () => {
	const skipped = {}
	const skip = what => { skipped[what] = (skipped[what] ?? 0) + 1; return null }

	// Bytes come as ArrayBuffer, as a view of one, or as text with a byte in each character.
	const bytes = v => {
		if (v == null) return null
		if (v instanceof ArrayBuffer) return new Uint8Array(v)
		if (ArrayBuffer.isView(v)) return new Uint8Array(v.buffer, v.byteOffset, v.byteLength)
		if (typeof v === 'string') return Uint8Array.from(v, c => c.charCodeAt(0))
		return null
	}
	const base64 = v => {
		const b = bytes(v) ?? new Uint8Array(0)
		let text = ''
		for (let i = 0; i < b.length; i += 0x8000) text += String.fromCharCode(...b.subarray(i, i + 0x8000))
		return btoa(text)
	}
	const typed = v => {
		const b = bytes(v)
		if (b?.length !== 32) return b
		const t = new Uint8Array(33)
		t[0] = 5
		t.set(b, 1)
		return t
	}

	const rows = (database, store) => new Promise((done, failed) => {
		const open = indexedDB.open(database)
		open.onerror = () => failed(open.error)
		open.onsuccess = () => {
			const db = open.result
			if (!db.objectStoreNames.contains(store)) { db.close(); return done([]) }
			const all = db.transaction(store, 'readonly').objectStore(store).getAll()
			all.onerror = () => { db.close(); failed(all.error) }
			all.onsuccess = () => { db.close(); done(all.result) }
		}
	})
	const module = name => {
		try { return window.require?.(name) ?? null } catch { return null }
	}
	const table = async (name, getter) => {
		try { return await module(name)[getter]().all() } catch { skip('table ' + getter); return [] }
	}

	// A protobuf writer, as small as can be: Signal's LocalStorageProtocol.
	const varint = n => {
		const out = []
		for (let v = BigInt(n ?? 0); ; v >>= 7n) {
			if (v < 128n) { out.push(Number(v)); return out }
			out.push(Number(v & 127n) | 128)
		}
	}
	const message = fields => {
		const out = []
		for (const [field, v] of fields) {
			if (v == null) continue
			if (typeof v === 'number') out.push(...varint(field << 3), ...varint(v))
			else { const b = bytes(v); out.push(...varint(field << 3 | 2), ...varint(b.length), ...b) }
		}
		return Uint8Array.from(out)
	}

	const chain = c => {
		if (c.senderRatchetKey && c.chainKey?.key) { // as protobuf.js has it
			return message([
				[1, typed(c.senderRatchetKey)], [3, message([[1, c.chainKey.index ?? 0], [2, c.chainKey.key]])],
				...(c.messageKeys ?? []).map(k => [4, message([[1, k.index ?? 0], [2, k.cipherKey], [3, k.macKey], [4, k.iv]])])
			])
		}
		return message([
			[1, typed(c.ratchetPubKey)], [3, message([[1, c.nextMsgIndex], [2, c.chainKey]])],
			...(c.unusedMsgKeys ?? []).map(k => [4, message([[1, k.index ?? 0], [2, k.cipherKey], [3, k.macKey], [4, k.iv]])])
		])
	}
	const state = s => {
		const send = s.sendChain, first = s.initialExchangeInfo
		if (!send || !s.rootKey || !s.remote?.pubKey || !s.local?.pubKey) return null
		return message([
			[1, 3], [2, typed(s.local.pubKey)], [3, typed(s.remote.pubKey)], [4, s.rootKey], [5, Math.max(0, s.prevSendChainHighestIndex ?? 0)],
			[6, message([[1, typed(send.ratchetKey.pubKey)], [2, send.ratchetKey.privKey], [3, message([[1, send.nextMsgIndex], [2, send.chainKey]])]])],
			...(s.recvChains ?? []).map(c => [7, chain(c)]),
			[9, first ? message([[1, first.remoteOneTimeId ?? undefined], [2, typed(first.localOneTimePubKey)], [3, first.remoteSignedId]]) : null],
			[10, s.remote.regId], [11, s.local.regId], [13, s.aliceBaseKey ? typed(s.aliceBaseKey) : null]
		])
	}
	// Earlier sessions are kept as protobuf.js reads them.
	const earlier = p => p.senderChain?.chainKey ? message([
		[1, p.sessionVersion ?? 3], [2, typed(p.localIdentityPublic)], [3, typed(p.remoteIdentityPublic)], [4, p.rootKey], [5, p.previousCounter ?? 0],
		[6, message([
			[1, typed(p.senderChain.senderRatchetKey)], [2, p.senderChain.senderRatchetKeyPrivate],
			[3, message([[1, p.senderChain.chainKey.index ?? 0], [2, p.senderChain.chainKey.key]])]
		])],
		...(p.receiverChains ?? []).map(c => [7, chain(c)]),
		[10, p.remoteRegistrationId ?? 0], [11, p.localRegistrationId ?? 0], [13, p.aliceBaseKey?.length ? typed(p.aliceBaseKey) : null]
	]) : state(p) ?? skip('earlierSessions')
	const session = s => {
		const now = state(s)
		return now && message([[1, now], ...(s.prevSessions ?? []).map(p => [2, earlier(p)])])
	}
	const senderKey = k => message((k.senderKeyStates ?? k.states ?? []).map(s => [1, message([
		[1, s.senderKeyId ?? s.keyId ?? 0], [2, message([[1, s.senderChainKey.iteration ?? 0], [2, s.senderChainKey.seed]])],
		[3, message([[1, typed(s.senderSigningKey.public)], [2, s.senderSigningKey.private]])],
		...(s.senderMessageKeys ?? []).map(m => [4, message([[1, m.iteration ?? 0], [2, m.seed]])])
	])]))

	// <user>@<server>.<device>, or <user>.<device>
	const address = text => {
		const at = text.lastIndexOf('.')
		const [user, server] = text.slice(0, at).split('@')
		return { user, device: Number(text.slice(at + 1)), ...(server === 'lid' ? { server, agent: 1 } : {}) }
	}
	const key = a => a.user + (a.server ? '@' + a.server : '') + ':' + a.device + (a.agent === undefined ? '' : '_' + a.agent)
	// <user>.<agent>:<device>@<server>
	const jid = text => {
		const [, user, device, server] = /^(\d+)(?:\.\d+)?(?::(\d+))?@(.+)$/.exec(text ?? '') ?? []
		return user && `${user}:${device ?? 0}@${server === 'c.us' ? 's.whatsapp.net' : server}`
	}
	const pair = p => ({ pubKey: base64(typed(p.pubKey)), privKey: base64(p.privKey) })
	const stored = name => { try { return JSON.parse(localStorage.getItem(name)) } catch { return null } }

	const meta = Object.fromEntries((await rows('signal-storage', 'signal-meta-store')).map(r => [r.key, r.value]))
	// The identity key is encrypted with a key that lies beside it and cannot be exported.
	const opened = async o => o?.encKey && bytes(await crypto.subtle.decrypt({ name: 'AES-CTR', length: 128, counter: new Uint8Array(16) }, o.encKey, o.value))
	const identity = { pubKey: await opened(meta.signal_static_pubkey), privKey: await opened(meta.signal_static_privkey) }
	const noise = (await module('WAWebUserPrefsInfoStore')?.waNoiseInfo?.get?.())?.staticKeyPair
	const account = meta.adv_signed_identity
	const signed = (await rows('signal-storage', 'signed-prekey-store')).at(-1)
	for (const [what, there] of Object.entries({
		'noise key': noise?.privKey, 'identity key': identity.privKey, 'signed identity': account?.details, 'signed pre key': signed?.keyPair, 'own number': jid(stored('last-wid-md'))
	})) if (!there) throw new Error('this page keeps its ' + what + ' in a way that is not known; is it logged in?')

	const actions = {}
	for (const a of await table('WAWebSchemaSyncActions', 'getSyncActionsTable')) {
		if (bytes(a.indexMac) && bytes(a.valueMac)) (actions[a.collection] ??= []).push([base64(a.indexMac), base64(a.valueMac)])
	}
	return {
		schemaVersion: 1, source: 'wa-web', skipped,
		identity: {
			noiseKeyPair: { pubKey: base64(noise.pubKey), privKey: base64(noise.privKey) }, signedIdentityKeyPair: pair(identity),
			registrationId: meta.signal_reg_id, advSecretKey: '', // the page forgets it after pairing
			signedIdentity: Object.fromEntries(['details', 'accountSignatureKey', 'accountSignature', 'deviceSignature'].map(n => [n, base64(account[n])])),
			meJid: jid(stored('last-wid-md')), ...(jid(stored('WALid')) ? { meLid: jid(stored('WALid')) } : {}),
			...(stored('me-display-name') ? { meDisplayName: stored('me-display-name') } : {}), platform: 'web'
		},
		signedPreKey: { keyId: signed.keyId, keyPair: pair(signed.keyPair), signature: base64(signed.signature), uploaded: true },
		preKeys: (await rows('signal-storage', 'prekey-store')).map(r => [r.keyId, { keyId: r.keyId, keyPair: pair(r.keyPair), uploaded: true }]),
		signalIdentities: (await rows('signal-storage', 'identity-store')).map(r => [key(address(r.identifier)), base64(typed(r.identityKey))]),
		sessions: (await rows('signal-storage', 'session-store')).map(r => {
			const a = address(r.address), proto = session(r.session)
			return proto ? [key(a), { address: a, record: { proto: base64(proto) } }] : skip('sessions')
		}).filter(Boolean),
		senderKeys: (await rows('signal-storage', 'senderkey-store')).map(r => {
			const [groupId, from] = r.senderKeyName.split('::')
			const sender = address(from)
			try {
				return [groupId + '//' + key(sender), { groupSender: { groupId, sender }, record: { proto: base64(senderKey(r.senderKey)) } }]
			} catch { return skip('senderKeys') }
		}).filter(Boolean),
		senderKeyDistributions: [], deviceLists: [], messageSecrets: [],
		appStateSyncKeys: (await table('WAWebSchemaSyncKeys', 'getSyncKeysTable')).filter(r => bytes(r.keyId) && bytes(r.keyData)).map(r => [base64(r.keyId), {
			keyId: base64(r.keyId), keyData: base64(r.keyData), timestamp: Number(r.timestamp ?? 0),
			fingerprint: { rawId: r.fingerprint?.rawId ?? 0, currentIndex: r.fingerprint?.currentIndex ?? 0, deviceIndexes: [...(r.fingerprint?.deviceIndexes ?? [])] }
		}]),
		appStateVersions: (await table('WAWebSchemaCollectionVersion', 'getCollectionVersionTable')).filter(r => bytes(r.ltHash)?.length === 128).map(r => [r.collection, {
			collection: r.collection, version: r.version ?? 0, hash: base64(r.ltHash), indexValueMap: actions[r.collection] ?? []
		}]),
		privacyTokens: (await table('WAWebSchemaOrphanTcToken', 'getOrphanTcTokenTable')).filter(r => bytes(r.tcToken)).map(r => [String(r.chatId), {
			jid: String(r.chatId), token: base64(r.tcToken), timestampMs: Number(r.tcTokenTimestamp ?? 0) * 1000
		}]),
		contacts: (await table('WAWebSchemaContact_DO_NOT_USE_DIRECTLY', 'getContactTable')).filter(r => r.id).map(r => [String(r.id), {
			jid: String(r.id), ...(r.name ? { displayName: String(r.name) } : {}), ...(r.pushname ? { pushName: String(r.pushname) } : {}),
			...(r.verifiedName ? { verifiedName: String(r.verifiedName) } : {}), ...(r.phoneNumber ? { phoneNumber: String(r.phoneNumber) } : {})
		}])
	}
})()
