// What the page asks of the server. The token stands behind the # of the address, which
// browsers send to nobody.

const token = decodeURIComponent(location.hash.slice(1));

/** base is the address below which the API is, without a slash at its end. */
export const base = new URL("..", location.href).href.replace(/[?#].*$/, "").replace(/\/$/, "");

/** hasToken says whether the address is whole. */
export const hasToken = /^lnk_[\w-]{43}$/.test(token);

/** secret is what opens the page, for the extension. */
export const secret = () => token;

/** Failure is an answer that is no success; code is "network" when there was none. */
export class Failure extends Error {
	constructor(status, problem, retryAfter) {
		super(problem.detail ?? "");
		this.status = status;
		this.code = problem.code ?? "unknown";
		this.field = problem.field;
		this.retryAfter = retryAfter;
	}
}

let ahead = 0; // of our clock, in milliseconds

/** now is the server's time: countdowns are by its clock. */
export const now = () => Date.now() - ahead;

async function ask(method, path, body, signal) {
	let answer;
	try {
		answer = await fetch(base + path, {
			method, signal, cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
			headers: { Authorization: "Bearer " + token, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
			body: body === undefined ? undefined : JSON.stringify(body),
		});
	} catch (err) {
		if (err.name === "AbortError") throw err;
		throw new Failure(0, { code: "network" }, 2);
	}
	const date = Date.parse(answer.headers.get("Date"));
	if (date) ahead = Date.now() - date - 500; // it has no fractions
	if (answer.ok) return answer.status === 204 ? null : answer.json();
	const problem = await answer.json().catch(() => ({}));
	throw new Failure(answer.status, problem, Number(answer.headers.get("Retry-After")) || 3);
}

/** look returns what there is to show; with a version it waits for another one. */
export function look(after, signal) {
	return ask("GET", "/api/link" + (after === undefined ? "" : `?after=${after}&wait=25s`), undefined, signal);
}

/** begin asks for a QR code, or for a code to type on the phone with that number. */
export const begin = (phoneNumber) => ask("POST", "/api/link/begin", phoneNumber ? { phoneNumber } : {});

/** answerPasskey gives what the browser made of the passkey. */
export const answerPasskey = (response) => ask("POST", "/api/link/passkey", response);

/** confirm says whether both codes are the same. */
export const confirm = (matches) => ask("POST", "/api/link/confirm", { matches });
