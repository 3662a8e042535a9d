// The page: it looks how far the linking has come, waits for the next change, and shows
// each step. A step that is shown already is brought up to date in place, so that nobody
// loses what they are typing, nor the focus.

import { el } from "./dom.js";
import * as server from "./server.js";
import { t, has, use, prefer, when } from "./texts.js";
import { phoneStep, qrStep, codeStep } from "./codes.js";
import { passkeyStep } from "./passkey.js";
import { confirmStep, linkingStep, syncingStep, readyStep, failedStep, stoppedStep, overStep, loadingStep } from "./states.js";

const $ = (id) => document.getElementById(id);
const page = { brand: "", redirectUrl: "", view: null, doc: null, byPhone: false, byQR: false, offline: false, wrong: null, began: 0 };

/** patience is how long a beginning may take before the page offers to begin again. */
const patience = 6000;

/** Errors that end by themselves, or that others have to end: beginning anew is of no use. */
const passing = ["stopped", "starting", "unreachable", "database_unavailable", "connection_lost"];

/** say tells those who do not see the page. */
function say(text) {
	$("live").textContent = "";
	requestAnimationFrame(() => { $("live").textContent = text; });
}

/** act does what a button stands for, and shows what went wrong. */
async function act(what, button) {
	if (button) button.disabled = true;
	page.wrong = null;
	try {
		await what();
		return true;
	} catch (err) {
		if (err.status === 410 || err.status === 401) over(err);
		else page.wrong = err;
		return false;
	} finally {
		if (button) button.disabled = false;
		notice();
	}
}

const tools = {
	say, act, page,
	begin: (number, button) => act(async () => {
		await server.begin(number);
		page.byPhone = page.byQR = false;
		page.began = Date.now();
	}, button),
	choose: (byPhone) => {
		// While there is a code to type, there is one to scan as well.
		if (page.doc.step === "code") page.byQR = !byPhone;
		else page.byPhone = byPhone;
		page.wrong = null;
		show();
	},
};

/** stepOf picks what is to be shown for a document. */
function stepOf(doc) {
	const early = ["idle", "qr", "failed"].includes(doc.step);
	if (early && doc.error?.code === "stopped") return stoppedStep;
	if (early && page.byPhone) return phoneStep;
	switch (doc.step) {
	case "qr": return qrStep;
	case "code": return page.byQR && doc.qrCode ? qrStep : codeStep;
	case "passkey": return passkeyStep;
	case "confirm": return confirmStep;
	case "linking": return doc.confirmation ? confirmStep : linkingStep;
	case "syncing": return syncingStep;
	case "ready": return readyStep;
	case "failed": return failedStep;
	default: return page.began && Date.now() - page.began > patience ? failedStep : loadingStep;
	}
}

const stageOf = { qr: 0, code: 0, idle: 0, failed: 0, passkey: 1, confirm: 1, linking: 1, syncing: 2, ready: 3 };

function stages(step) {
	const at = stageOf[step];
	const nav = $("stages");
	nav.hidden = at === undefined;
	if (nav.dataset.at === String(at) + document.documentElement.lang) return;
	nav.dataset.at = String(at) + document.documentElement.lang;
	nav.setAttribute("aria-label", t("stages"));
	const names = ["stage_connect", "stage_confirm", "stage_load"];
	nav.replaceChildren(el("ol", {}, names.map((name, i) =>
		el("li", { class: i < at ? "past" : null, "aria-current": i === at ? "step" : null }, t(name)))));
}

/** explained says in words of the page's language what an error means. */
function explained(error) {
	const known = has("err_" + error.code) ? t("err_" + error.code) : null;
	if (known) return [known];
	return [error.detail || t("err_unknown"), error.action].filter(Boolean);
}

function notice() {
	const box = $("notice");
	let lines = null;
	let bad = true;
	if (page.offline) {
		lines = [t("offline")];
		bad = false;
	} else if (page.wrong && !page.wrong.field) lines = explained({ code: page.wrong.code, detail: page.wrong.message });
	else if (page.doc?.error && !page.view?.ownError && page.doc.step !== "ready") lines = explained(page.doc.error);
	const text = lines?.join("\n") ?? "";
	if (box.dataset.text === text) return;
	box.dataset.text = text;
	box.hidden = !lines;
	box.className = bad ? "notice bad" : "notice";
	box.replaceChildren(...(lines ?? []).map((line) => el("p", {}, line)));
}

/** place puts a step on the page, or brings the one that is there up to date. */
function place(make, doc) {
	const key = make.key(doc, page);
	if (page.view?.key === key) {
		page.view.update?.(doc);
		return;
	}
	page.view?.leave?.();
	const first = page.view === null;
	const made = make(doc, tools);
	page.view = { key, ...made };
	const title = el("h1", { id: "title", tabindex: "-1" }, made.title);
	$("step").replaceChildren(...(made.above ?? []), title, ...made.body.filter(Boolean));
	made.update?.(doc);
	if (!first) title.focus({ preventScroll: false });
	say(made.title);
}

function show() {
	stages(page.doc.step);
	place(stepOf(page.doc), page.doc);
	notice();
}

function over(err) {
	page.ended = true;
	page.doc = { step: "over", code: err.code, detail: err.message };
	page.offline = false;
	page.wrong = null;
	stages("over");
	place(overStep, page.doc);
	notice();
}

async function dress(seen) {
	await use(seen.language || prefer());
	page.redirectUrl = seen.redirectUrl ?? "";
	const brand = JSON.stringify(seen.branding ?? null);
	if (brand !== page.brand) {
		page.brand = brand;
		const { name, logo } = seen.branding ?? {};
		const picture = logo ? el("img", { src: logo, alt: name ? "" : t("logo"), referrerpolicy: "no-referrer" }) : null;
		picture?.addEventListener("error", () => picture.remove());
		$("brand").replaceChildren(...[picture, name ? el("span", {}, name) : null].filter(Boolean));
		$("brand").hidden = !name && !logo;
	}
	$("foot").textContent = t("foot", { when: when(seen.expiresAt) });
}

/** beginOnce shows a code to whoever has just opened the page. */
async function beginOnce() {
	page.began = Date.now();
	if (await act(() => server.begin())) setTimeout(() => page.ended || show(), patience + 100);
	else if (!page.ended) {
		page.began = 0;
		await pause(3);
	}
}

const pause = (seconds) => new Promise((done) => { setTimeout(done, seconds * 1000); });

/** follow looks, shows, and waits for the next change, until the page has ended. */
async function follow() {
	let version;
	let tries = 0;
	while (!page.ended) {
		try {
			const seen = await server.look(version);
			tries = 0;
			page.offline = false;
			await dress(seen);
			if (page.doc && seen.link.step !== page.doc.step) page.wrong = null;
			page.doc = seen.link;
			version = seen.link.version;
			show();
			if (seen.link.step === "ready") return;
			if (seen.link.step === "idle" && !passing.includes(seen.link.error?.code) && !page.began) await beginOnce();
			if (seen.link.error?.code === "stopped") await pause(3); // the owner may start it
		} catch (err) {
			if (err.status === 410 || err.status === 401) return over(err);
			page.offline = true;
			if (page.doc) notice();
			else place(loadingStep, { step: "loading" });
			await pause(Math.min(30, Math.max(err.retryAfter ?? 1, tries++)));
		}
	}
}

async function start() {
	await use(prefer());
	if (!server.hasToken) return over({ code: "incomplete_link", message: "" });
	place(loadingStep, { step: "loading" });
	await follow();
}

window.addEventListener("hashchange", () => location.reload());
start();
