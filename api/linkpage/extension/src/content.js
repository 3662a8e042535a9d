// Runs in tabs of web.whatsapp.com, before the page does. Without a request in the
// address it does nothing. With one, it takes it out of the address, so that neither the
// page nor the history gets it, and asks the person. Nothing happens without their click.
"use strict";

(() => {
	const request = globalThis.wamRequest.read(location.hash);
	if (request === undefined) return;
	history.replaceState(null, "", location.pathname + location.search);
	if (window.top !== window) return;

	const t = globalThis.wamTexts(request?.language);
	const el = (tag, attributes = {}, ...children) => {
		const made = document.createElement(tag);
		for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
		made.append(...children.filter(Boolean));
		return made;
	};

	// Closed, and in the top layer: the page can neither read nor cover nor click it.
	const host = el("wam-link");
	const root = host.attachShadow({ mode: "closed" });
	const sheet = new CSSStyleSheet();
	sheet.replaceSync(`
		:host { all: initial; }
		dialog {
			box-sizing: border-box; width: min(32rem, calc(100vw - 1.5rem)); max-height: calc(100vh - 1.5rem); overflow: auto;
			padding: 1.75rem; border: 1px solid #d3dad7; border-radius: 1rem; background: #fff; color: #17211d;
			font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; color-scheme: light dark;
			box-shadow: 0 12px 48px rgb(0 0 0 / 35%); outline: none;
		}
		dialog:focus-visible { outline: none; }
		dialog::backdrop { background: rgb(8 20 15 / 70%); }
		h1 { margin: 0 0 .5rem; font-size: 1.375rem; line-height: 1.25; text-wrap: balance; }
		p { margin: 0 0 .875rem; overflow-wrap: anywhere; }
		.site { margin: 0 0 .875rem; padding: .75rem 1rem; border-radius: .625rem; background: #e7f3ee; overflow-wrap: anywhere; }
		.site b { display: block; font: 650 1.125rem/1.4 ui-monospace, Menlo, Consolas, "Noto Sans Mono", monospace; }
		.site span { color: #52605a; font-size: .9375rem; }
		.warning { padding: .75rem 1rem; border-left: 4px solid #a3211a; border-radius: .375rem; background: #fcebea; }
		.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.25rem; }
		button {
			min-height: 2.75rem; padding: .5rem 1.125rem; border: 1px solid #0a6f4d; border-radius: .5rem; background: #0a6f4d;
			color: #fff; font: inherit; font-weight: 650; cursor: pointer;
		}
		button:disabled { opacity: .55; cursor: default; }
		button.second { background: transparent; color: #0a6f4d; }
		:focus-visible { outline: 3px solid #0a6f4d; outline-offset: 2px; }
		[hidden] { display: none; }
		@media (max-width: 30rem) { dialog { padding: 1.25rem; } button { flex: 1 1 100%; } }
		@media (prefers-color-scheme: dark) {
			dialog { border-color: #2f3b36; background: #18201d; color: #e8eeeb; }
			.site { background: #1b3129; }
			.site span { color: #a6b3ad; }
			.warning { border-color: #ff9f97; background: #3a1f1d; }
			button { border-color: #43c793; background: #43c793; color: #06231a; }
			button.second { color: #43c793; }
			:focus-visible { outline-color: #43c793; }
		}
	`);
	root.adoptedStyleSheets = [sheet];

	const close = el("button", { type: "button", class: "second", id: "close" }, t(request ? "cancel" : "close"));
	const go = el("button", { type: "button", id: "go" }, t("go"));
	const status = el("p", { role: "status", id: "status" });
	const asks = el("div", { id: "asks" });
	const title = el("h1", { id: "title" }, t(request ? "title" : "broken_title"));
	const dialog = el("dialog", { lang: t.language, "aria-labelledby": "title", tabindex: "-1" }, title, asks, status,
		el("div", { class: "actions" }, request && go, close));
	root.append(dialog);

	const end = () => host.remove();
	close.addEventListener("click", (e) => { if (e.isTrusted) end(); });
	dialog.addEventListener("cancel", end);
	// Keys that are pressed here are none of the page's business.
	for (const kind of ["keydown", "keyup", "keypress"]) dialog.addEventListener(kind, (e) => e.stopPropagation());

	if (request) {
		asks.append(
			el("p", {}, t("lead")),
			el("div", { class: "site" }, el("b", { id: "site", translate: "no" }, request.api.host),
				request.name && el("span", {}, t("named", { name: request.name }))),
			el("p", {}, t("meaning")),
			el("p", { class: "warning" }, t("warning")));
	} else asks.append(el("p", {}, t("broken")));

	async function answer() {
		go.disabled = busy = true;
		status.textContent = t("asking");
		try {
			const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(request.publicKey);
			const credential = await navigator.credentials.get({ publicKey });
			status.textContent = t("sending");
			const got = await chrome.runtime.sendMessage({ kind: "answer", api: request.api.base, token: request.token, response: credential.toJSON() });
			if (got?.ok) return finish("done_title", t("done"));
			status.textContent = t.has("err_" + got?.code) ? t("err_" + got.code) : t("refused", { detail: got?.detail || got?.code || "" });
			if (["page_done", "page_expired", "page_revoked", "unknown_link", "passkey_expired", "no_passkey_asked", "passkey_answered", "assertion_challenge"].includes(got?.code)) return finish("broken_title");
		} catch (err) {
			status.textContent = t(err.name === "NotAllowedError" ? "not_allowed" : "failed", { detail: err.message });
		}
		busy = false;
		go.disabled = performance.now() < ripe;
		go.textContent = t("again");
		go.focus();
	}

	function finish(heading, text) {
		title.textContent = t(heading);
		asks.replaceChildren();
		if (text) status.textContent = text;
		go.remove();
		close.textContent = t("close");
		close.focus();
	}

	// A page cannot press it with a script, and nobody by a click that was meant for
	// something that stood there a moment before: each time that the tab comes forward,
	// a window may have closed under the second half of a double click.
	go.addEventListener("click", (e) => { if (e.isTrusted && document.hasFocus() && performance.now() >= ripe) answer(); });
	let ripe = Infinity, busy = false, timer;
	const hold = () => {
		ripe = performance.now() + 1000;
		go.disabled = true;
		clearTimeout(timer);
		timer = setTimeout(() => { go.disabled = busy; }, 1000);
	};
	addEventListener("focus", hold);
	document.addEventListener("visibilitychange", hold);
	hold();
	const show = () => {
		document.documentElement.append(host);
		dialog.showModal();
		dialog.focus();
		hold();
	};
	if (document.body) show();
	else new MutationObserver((_, seen) => { if (document.body) { seen.disconnect(); show(); } }).observe(document, { childList: true, subtree: true });
})();
