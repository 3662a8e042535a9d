// Posts an answer to the link page's server. The script of the tab cannot: there the
// rules of web.whatsapp.com hold.
"use strict";

importScripts("request.js");

const fields = ["clientDataJSON", "authenticatorData", "signature", "userHandle"];

/** answer returns what is posted: the fields that WhatsApp checks, and no others. */
function answer(given) {
	const { isBytes } = globalThis.wamRequest;
	if (!isBytes(given?.id, 1, 2048) || !isBytes(given.rawId, 1, 2048) || given.type !== "public-key") return null;
	const response = {};
	for (const name of fields) {
		const value = given.response?.[name];
		if (value === undefined || value === null || value === "") continue;
		if (!isBytes(value, 1, 8192)) return null;
		response[name] = value;
	}
	return { id: given.id, rawId: given.rawId, type: given.type, response, clientExtensionResults: {} };
}

async function post({ api, token, response }) {
	const to = globalThis.wamRequest.address(api);
	const body = answer(response);
	if (!to || !body || !/^lnk_[\w-]{43}$/.test(token)) return { ok: false, code: "invalid" };
	try {
		const got = await fetch(to.base + "/api/link/passkey", {
			method: "POST", credentials: "omit", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer",
			headers: { Authorization: "Bearer " + token, "Content-Type": "application/json" },
			body: JSON.stringify(body), signal: AbortSignal.timeout(60000),
		});
		if (got.ok) return { ok: true };
		const problem = await got.json().catch(() => ({}));
		return { ok: false, code: String(problem.code ?? got.status).slice(0, 60), detail: String(problem.detail ?? "").slice(0, 300) };
	} catch {
		return { ok: false, code: "network" };
	}
}

chrome.runtime.onMessage.addListener((message, sender, reply) => {
	if (sender.id !== chrome.runtime.id || sender.origin !== "https://web.whatsapp.com" || message?.kind !== "answer") return false;
	post(message).then(reply);
	return true; // the reply comes later
});
