// What a link page may ask for. The address of a tab comes from any site, so nothing in
// it is believed: only known fields with a known form are taken.
"use strict";

globalThis.wamRequest = (() => {
	const longest = 32768;
	const mark = "#wam-link=";

	const isText = (value, least, most) => typeof value === "string" && value.length >= least && value.length <= most;
	const isBytes = (value, least, most) => isText(value, least, most) && /^[\w-]+$/.test(value);

	/** address returns the address of an API, or null: https, or this machine. */
	function address(text) {
		if (!isText(text, 1, 500)) return null;
		let url;
		try {
			url = new URL(text);
		} catch {
			return null;
		}
		const here = ["localhost", "127.0.0.1"].includes(url.hostname);
		if (url.protocol !== "https:" && !(url.protocol === "http:" && here)) return null;
		if (url.username || url.password || url.search || url.hash) return null;
		return { base: url.href.replace(/\/$/, ""), host: url.host };
	}

	/** options returns what the browser is asked for. Extensions are left out: WhatsApp needs
	    none to link a device, and some reveal more than a signature. */
	function options(given) {
		if (typeof given !== "object" || given === null || !isBytes(given.challenge, 16, 2048)) return null;
		if (given.rpId !== undefined && given.rpId !== "whatsapp.com" && given.rpId !== "web.whatsapp.com") return null;
		const allowed = given.allowCredentials ?? [];
		if (!Array.isArray(allowed) || allowed.length > 64 || !allowed.every((c) => c && c.type === "public-key" && isBytes(c.id, 1, 2048))) return null;
		const made = { challenge: given.challenge, timeout: 300000 };
		if (given.rpId) made.rpId = given.rpId;
		if (["required", "preferred", "discouraged"].includes(given.userVerification)) made.userVerification = given.userVerification;
		if (allowed.length) {
			made.allowCredentials = allowed.map(({ id, transports }) => ({
				type: "public-key", id,
				...(Array.isArray(transports) ? { transports: transports.filter((t) => isText(t, 1, 32)).slice(0, 8) } : {}),
			}));
		}
		return made;
	}

	/** read returns the request in the part of an address behind the #: undefined when there
	    is none, null when it is wrong. */
	function read(hash) {
		if (!hash.startsWith(mark)) return undefined;
		const text = hash.slice(mark.length);
		if (!isBytes(text, 1, longest)) return null;
		let given;
		try {
			const bytes = Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
			given = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
		} catch {
			return null;
		}
		const api = address(given?.api);
		const publicKey = options(given?.publicKey);
		if (!api || !publicKey || !/^lnk_[\w-]{43}$/.test(given.token)) return null;
		// eslint-disable-next-line no-control-regex
		const name = isText(given.name, 1, 80) ? given.name.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "") : "";
		return { api, token: given.token, publicKey, name, language: isText(given.language, 2, 2) ? given.language : "" };
	}

	return { read, address, isBytes };
})();
